// dgate[h, g] += Σ_n gradient[n, h] · x[n, g], a workgroup per (h, g), from what
// value_embedding_backward_gates found.

alias Reduced = f32;

struct Args {
  rows: u32,
  heads: u32,
  C: u32,
  G: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dgate: array<f32>;
@group(0) @binding(2) var<storage, read> gates: array<vec2f>;
@group(0) @binding(3) var<storage, read> x: array<$X>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, invocation: Invocation) {
  let thread = invocation.thread;
  let head = group.x / args.G;
  let g = group.x % args.G;
  var sum = 0.0;
  for (var n = thread; n < args.rows; n += 64u) {
    sum += gates[n * args.heads + head].y * number_of_x(n * args.C + g);
  }
  let all = workgroup_sum(sum, invocation);
  if (thread == 0u) { dgate[group.x] += all; }
}
