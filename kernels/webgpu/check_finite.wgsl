// flag[0] = 1 where an element of x is NaN or infinite. HALF: x has two numbers of 16 bits in a u32,
// whose exponents are all ones where MASK is.

struct Args {
  count: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
//# if HALF
@group(0) @binding(1) var<storage, read> x: array<vec2u>;
//# else
@group(0) @binding(1) var<storage, read> x: array<Bits>;
//# end
@group(0) @binding(2) var<storage, read_write> flag: array<atomic<u32>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
//# if HALF
  let exponents = vec4u(x[i] & vec2u($[MASK]u), (x[i] >> vec2u(16u)) & vec2u($[MASK]u));
  if (any(exponents == vec4u($[MASK]u))) { atomicStore(&flag[0], 1u); }
//# else
  if (any(not_finite(x[i]))) { atomicStore(&flag[0], 1u); }
//# end
}
