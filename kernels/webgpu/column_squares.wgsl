// squares[column] = mean(x²) along each column of each matrix of a stack, a thread per column.

struct Args {
  // Columns of all matrices, of a matrix, and its rows.
  count: u32,
  columns: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> squares: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let first = i / args.columns * args.rows * args.columns + i % args.columns;
  var sum = 0.0;
  for (var r = 0u; r < args.rows; r += 1u) {
    let value = x[first + r * args.columns];
    sum += value * value;
  }
  squares[i] = sum / f32(args.rows);
}
