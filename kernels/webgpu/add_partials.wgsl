// out[index] += scale · Σ partials[offset + i·stride], by one workgroup.

alias Reduced = f32;

struct Args {
  count: u32,
  stride: u32,
  offset: u32,
  index: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
  let thread = invocation.thread;
  var sum = 0.0;
  for (var i = thread; i < args.count; i += 64u) {
    sum += partials[args.offset + i * args.stride];
  }
  let all = workgroup_sum(sum, invocation);
  if (thread == 0u) { out[args.index] += args.scale * all; }
}
