// p −= lr·x, and −= lr·weightDecay·p where x and p have the same sign, for x one matrix of a stack.

struct Args {
  count: u32,
  // Elements before the matrix in what is bound of the stack.
  xOffset: u32,
  lr: f32,
  decay: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> p: array<Element>;
@group(0) @binding(2) var<storage, read> x: array<Element>;
//# if GUARDED
@group(0) @binding(3) var<storage, read> guard: array<u32>;
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
  let step = x[args.xOffset + i];
  let before = p[i];
  let decay = select(Element(), args.decay * before, step * before >= Element());
  p[i] = before - (args.lr * step + decay);
}
