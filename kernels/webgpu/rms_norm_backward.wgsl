// With s = 1/sqrt(mean(x²) + eps): dx (+)= s·dout − x·s³·mean(dout·x), a workgroup per row.

alias Reduced = vec2f;

struct Args {
  // Elements (of WIDTH numbers) in a row.
  columns: u32,
  rows: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> dout: array<Element>;
@group(0) @binding(3) var<storage, read_write> dx: array<Element>;

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
  var sums = vec2f();
  for (var c = thread; c < args.columns; c += 64u) {
    let value = x[first + c];
    sums += vec2f(total(value * value), total(value * dout[first + c]));
  }
  let means = workgroup_sum(sums, invocation) / f32(args.columns * $[WIDTH]u);
  let scale = 1.0 / sqrt(means.x + 0x1p-23);
  let along = scale * scale * means.y;
  for (var c = thread; c < args.columns; c += 64u) {
    let gradient = scale * (dout[first + c] - x[first + c] * along);
//# if ACCUMULATE
    dx[first + c] += gradient;
//# else
    dx[first + c] = gradient;
//# end
  }
}
