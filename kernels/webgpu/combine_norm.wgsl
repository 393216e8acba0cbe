// out = a·x + b·y and normed = out / sqrt(mean(out²) + eps), a workgroup per row. A, B: whether a, b
// are elements of tensors, else 1. IN_PLACE: x is out.

alias Reduced = f32;

struct Args {
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
  rows: u32,
  aIndex: u32,
  bIndex: u32,
  aSign: f32,
  bSign: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<Element>;
@group(0) @binding(2) var<storage, read_write> normed: array<$NORMED>;
//# if !IN_PLACE
@group(0) @binding(3) var<storage, read> x: array<Element>;
//# end
@group(0) @binding(4) var<storage, read> y: array<Element>;
//# if A
@group(0) @binding(5) var<storage, read> a: array<f32>;
//# end
//# if B
@group(0) @binding(6) var<storage, read> b: array<f32>;
//# end

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
  var left = 1.0;
  var right = 1.0;
//# if A
  left = args.aSign * a[args.aIndex];
//# end
//# if B
  right = args.bSign * b[args.bIndex];
//# end
  var squares = 0.0;
  for (var c = thread; c < args.columns; c += 64u) {
//# if IN_PLACE
    let value = left * out[first + c] + right * y[first + c];
//# else
    let value = left * x[first + c] + right * y[first + c];
//# end
    out[first + c] = value;
    squares += total(value * value);
  }
  let mean = workgroup_sum(squares, invocation) / f32(args.columns * $[WIDTH]u);
  let scale = 1.0 / sqrt(mean + 0x1p-23);
  for (var c = thread; c < args.columns; c += 64u) {
    normed[first + c] = $NORMED_NARROW(out[first + c] * scale);
  }
}
