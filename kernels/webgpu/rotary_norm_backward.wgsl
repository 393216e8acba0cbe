// In place, from the gradient for y = scale · u, u = rstd · r, to that for what was rotated into r:
// dr = scale · rstd · (dy − u · mean(dy · u)), rotated back. Threads as in rotary_norm.

struct Args {
  // Heads of all rows, and heads of a row.
  count: u32,
  heads: u32,
  T: u32,
  // Elements (of WIDTH numbers) in half a head.
  half: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dx: array<Element>;
@group(0) @binding(2) var<storage, read> y: array<$Y>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> cosines: array<Element>;
@group(0) @binding(5) var<storage, read> sines: array<Element>;

var<workgroup> partials: array<f32, 64>;

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let head = flat_index(group, groups) * 8u + local.y;
  let angles = head / args.heads % args.T * args.half;
  let first = head * args.half * 2u;
  var products = 0.0;
  if (head < args.count) {
    for (var j = local.x; j < args.half; j += 8u) {
      products += total(dx[first + j] * $Y_WIDEN(y[first + j]));
      products += total(dx[first + args.half + j] * $Y_WIDEN(y[first + args.half + j]));
    }
  }
  partials[local.y * 8u + local.x] = products;
  workgroupBarrier();
  if (head >= args.count) { return; }
  var sum = 0.0;
//# for i < 8
  sum += partials[local.y * 8u + $[i]u];
//# end
  // mean(dy · u) · u = sum / (scale² · D) · y.
  let along = sum / (args.scale * args.scale * f32(args.half * $[2 * WIDTH]u));
  let factor = args.scale * rstd[head];
  for (var j = local.x; j < args.half; j += 8u) {
    let r1 = factor * (dx[first + j] - along * $Y_WIDEN(y[first + j]));
    let r2 = factor * (dx[first + args.half + j] - along * $Y_WIDEN(y[first + args.half + j]));
    dx[first + j] = r1 * cosines[angles + j] - r2 * sines[angles + j];
    dx[first + args.half + j] = r1 * sines[angles + j] + r2 * cosines[angles + j];
  }
}
