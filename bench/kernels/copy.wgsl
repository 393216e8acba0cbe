// How fast an adapter reads and writes memory: a workgroup copies 64 · STEPS vec4s.

struct Args {
  count: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (group.x + group.y * groups.x) * $[64 * STEPS]u + thread;
  if (first + $[64 * STEPS - 64]u >= args.count) { return; }
//# for s < STEPS
  out[first + $[64 * s]u] = x[first + $[64 * s]u];
//# end
}
