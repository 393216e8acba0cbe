// Each workgroup's share of the sum of squares of one matrix of a stack.

alias Reduced = f32;

struct Args {
  // Elements (of WIDTH numbers) in a matrix.
  size: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  var squares = 0.0;
  for (var i = group.x * 64u + thread; i < args.size; i += groups.x * 64u) {
    let value = x[group.y * args.size + i];
    squares += total(value * value);
  }
  let sum = workgroup_sum(squares, invocation);
  if (thread == 0u) { partials[group.y * groups.x + group.x] = sum; }
}
