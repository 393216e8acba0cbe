// Each workgroup's share of Σ x, or of Σ x·weights where WEIGHTS.

alias Reduced = f32;

struct Args {
  count: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
//# if WEIGHTS
@group(0) @binding(3) var<storage, read> weights: array<Element>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  var sum = 0.0;
  for (var i = group.x * 64u + thread; i < args.count; i += groups.x * 64u) {
//# if WEIGHTS
    sum += total(x[i] * weights[i]);
//# else
    sum += total(x[i]);
//# end
  }
  let all = workgroup_sum(sum, invocation);
  if (thread == 0u) { partials[group.x] = all; }
}
