// out = x / sqrt(mean(x²) + eps), a workgroup per row.

alias Reduced = f32;

struct Args {
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> out: array<$OUT>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  let row = flat_index(group, groups);
  if (row >= args.rows) { return; }
  let first = row * args.columns;
  var squares = 0.0;
  for (var c = thread; c < args.columns; c += 64u) {
    let value = x[first + c];
    squares += total(value * value);
  }
  let mean = workgroup_sum(squares, invocation) / f32(args.columns * $[WIDTH]u);
  let scale = 1.0 / sqrt(mean + 0x1p-23);
  for (var c = thread; c < args.columns; c += 64u) {
    out[first + c] = $OUT_NARROW(x[first + c] * scale);
  }
}
