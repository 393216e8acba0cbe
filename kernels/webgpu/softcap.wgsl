// In place: x = cap · tanh(x / cap), NaN where x is NaN or infinite.

struct Args {
  count: u32,
  cap: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<Element>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let value = x[i];
  let capped = bitcast<Bits>(args.cap * tanh_precise(value / args.cap));
  x[i] = bitcast<Element>(select(capped, Bits(0x7fc00000u), not_finite(bitcast<Bits>(value))));
}
