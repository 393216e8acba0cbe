// What each line (row or column) of a matrix is to be multiplied by, in place of its mean square v;
// a workgroup per matrix.
//
// MOMENTUM: Muon's variance reduction, s = lerp(s, v, 1 − beta2), step = 1/sqrt(max(s, 1e-10)),
// factor = step · sqrt(Σ v·n) / max(sqrt(Σ v·n·step²), 1e-10) for lines of n numbers. Else every
// line is to get the norm that they have in the root mean square: factor =
// sqrt(mean(v·n)) / max(sqrt(v·n), 1e-6).

alias Reduced = vec2f;

struct Args {
  // Lines of a matrix, and numbers in a line.
  lines: u32,
  n: u32,
  beta2: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> factors: array<f32>;
//# if MOMENTUM
@group(0) @binding(2) var<storage, read_write> secondMomentum: array<f32>;
//# end
//# if GUARDED
@group(0) @binding(3) var<storage, read> guard: array<u32>;
//# end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, invocation: Invocation) {
  let thread = invocation.thread;
  let n = f32(args.n);
  let first = group.x * args.lines;
//# if GUARDED
  // The lines are then scaled by 1.
  if (guard[0] != 0u) {
    for (var i = first + thread; i < first + args.lines; i += 64u) { factors[i] = 1.0; }
    return;
  }
//# end
  var sums = vec2f();
  for (var i = first + thread; i < first + args.lines; i += 64u) {
    let v = factors[i];
//# if MOMENTUM
    let s = secondMomentum[i] + (v - secondMomentum[i]) * (1.0 - args.beta2);
    secondMomentum[i] = s;
    sums += vec2f(v * n, v * n / max(s, 1e-10));
//# else
    sums.x += v * n;
//# end
  }
  let all = workgroup_sum(sums, invocation);
//# if MOMENTUM
  let scale = sqrt(all.x) / max(sqrt(all.y), 1e-10);
//# else
  let goal = sqrt(all.x / f32(args.lines));
//# end
  for (var i = first + thread; i < first + args.lines; i += 64u) {
//# if MOMENTUM
    factors[i] = scale / sqrt(max(secondMomentum[i], 1e-10));
//# else
    factors[i] = goal / max(sqrt(factors[i] * n), 1e-6);
//# end
  }
}
