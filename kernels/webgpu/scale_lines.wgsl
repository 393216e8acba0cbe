// In place, each matrix of a stack: every row (ROWS) or every column times its factor.

struct Args {
  count: u32,
  rows: u32,
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<Element>;
//# if ROWS
@group(0) @binding(2) var<storage, read> factors: array<f32>;
//# else
@group(0) @binding(2) var<storage, read> factors: array<Element>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let row = i / args.columns;
//# if ROWS
  x[i] *= factors[row];
//# else
  x[i] *= factors[row / args.rows * args.columns + i % args.columns];
//# end
}
