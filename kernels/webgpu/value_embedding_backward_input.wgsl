// dx[n, g] += Σ_h gradient[n, h] · gate[h, g], from what value_embedding_backward_gates found.

struct Args {
  // (row, g) pairs.
  count: u32,
  heads: u32,
  C: u32,
  G: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<storage, read> gates: array<vec2f>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let n = i / args.G;
  let g = i % args.G;
  var sum = 0.0;
  for (var head = 0u; head < args.heads; head += 1u) {
    sum += gates[n * args.heads + head].y * gate[head * args.G + g];
  }
  dx[n * args.C + g] += sum;
}
