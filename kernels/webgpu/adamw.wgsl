// AdamW (Loshchilov & Hutter), element by element; see Operations.adamW.

struct Args {
  count: u32,
  // 1 − lr·weightDecay.
  keep: f32,
  // 1 − beta1 and 1 − beta2.
  gradientWeight: f32,
  squareWeight: f32,
  // lr / (1 − beta1^step) and 1 / (1 − beta2^step).
  rate: f32,
  squareScale: f32,
  eps: f32,
  gradientScale: f32,
//# if ROWS
  // Elements in a row; the first row of p, m and v that is bound; the rows of g that are bound.
  columns: u32,
  firstRow: u32,
  firstGradient: u32,
  gradients: u32,
//# end
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<$P>;
@group(0) @binding(2) var<storage, read> g: array<$G>;
@group(0) @binding(3) var<storage, read_write> m: array<$M>;
@group(0) @binding(4) var<storage, read_write> v: array<$V>;
//# if GUARDED
@group(0) @binding(5) var<storage, read> guard: array<u32>;
//# end
//# if ROWS
// The row of g of each of p, or −1 where the gradient is zero.
@group(0) @binding(6) var<storage, read> rows: array<i32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
//# if GUARDED
  if (guard[0] != 0u) { return; }
//# end
//# if ROWS
  let row = rows[args.firstRow + i / args.columns];
  // What has no gradient is the first part's.
  let at = max(row, 0) - i32(args.firstGradient);
  if (at < 0 || at >= i32(args.gradients)) { return; }
  var gradient = Element();
  if (row >= 0) {
    gradient = args.gradientScale * $G_WIDEN(g[u32(at) * args.columns + i % args.columns]);
  }
//# else
  let gradient = args.gradientScale * $G_WIDEN(g[i]);
//# end
  let oldM = $M_WIDEN(m[i]);
  let oldV = $V_WIDEN(v[i]);
  let first = oldM + (gradient - oldM) * args.gradientWeight;
  let second = oldV + (gradient * gradient - oldV) * args.squareWeight;
  m[i] = $M_NARROW(first);
  v[i] = $V_NARROW(second);
  let change = args.rate * first / (sqrt(second * args.squareScale) + args.eps);
  p[i] = $P_NARROW($P_WIDEN(p[i]) * args.keep - change);
}
