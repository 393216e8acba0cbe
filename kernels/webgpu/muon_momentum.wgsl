// momentum = lerp(momentum, g, 1 − mu); out = lerp(g, momentum, mu), for one matrix of two stacks.

struct Args {
  count: u32,
  // Elements before the matrix in what is bound of each stack.
  momentumOffset: u32,
  outOffset: u32,
  mu: f32,
  gradientScale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<Element>;
@group(0) @binding(2) var<storage, read_write> momentum: array<Element>;
@group(0) @binding(3) var<storage, read> g: array<Element>;
//# if GUARDED
@group(0) @binding(4) var<storage, read> guard: array<u32>;
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
  let before = momentum[args.momentumOffset + i];
  let gradient = args.gradientScale * g[i];
  let after = before + (gradient - before) * (1.0 - args.mu);
  momentum[args.momentumOffset + i] = after;
  out[args.outOffset + i] = gradient + (after - gradient) * args.mu;
}
