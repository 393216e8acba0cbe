// dgate[g] += lambda · Σ_t (dout_t · x_{t−1}) · s_t · (1 − s_t) · x_t[g], a workgroup per g, and in
// the workgroup after those dlambda += Σ_t s_t · (dout_t · x_{t−1}).

alias Reduced = f32;

struct Args {
  rows: u32,
  columns: u32,
  G: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dgate: array<f32>;
@group(0) @binding(2) var<storage, read_write> dlambda: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> gates: array<vec2f>;
@group(0) @binding(5) var<storage, read> lambda: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, invocation: Invocation) {
  let thread = invocation.thread;
  let g = group.x;
  var sum = 0.0;
  for (var row = thread; row < args.rows; row += 64u) {
    let s = gates[row];
    if (g == args.G) {
      sum += s.x * s.y;
    } else {
      sum += s.y * s.x * (1.0 - s.x) * x[row * args.columns + g];
    }
  }
  let all = workgroup_sum(sum, invocation);
  if (thread == 0u) {
    if (g == args.G) {
      dlambda[0] += all;
    } else {
      dgate[g] += lambda[0] * all;
    }
  }
}
