// Adds up the parts of a product whose K was cut, always in the same order, and finishes it.

struct Args {
  // Which vec4s of each part are added up, how many a part has, and how many parts there are.
  first: u32,
  count: u32,
  stride: u32,
  parts: u32,
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = (group.x + group.y * groups.x) * 64u + thread;
  if (index >= args.count) { return; }
  var sum = partials[args.first + index];
  for (var part = 1u; part < args.parts; part += 1u) {
    sum += partials[part * args.stride + args.first + index];
  }
  finish_in0(index, sum);
}
