// squares[row] = mean(x²) along each row, a workgroup per row.

alias Reduced = f32;

struct Args {
  rows: u32,
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  let row = flat_index(group, groups);
  if (row >= args.rows) { return; }
  var sum = 0.0;
  for (var c = thread; c < args.columns; c += 64u) {
    let value = x[row * args.columns + c];
    sum += total(value * value);
  }
  let all = workgroup_sum(sum, invocation);
  if (thread == 0u) { squares[row] = all / f32(args.columns * $[WIDTH]u); }
}
