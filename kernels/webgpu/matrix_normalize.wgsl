// In place, each matrix: x *= goal / max(‖x‖ · margin + eps, 1e-6), from the at most 64 partial sums
// that matrix_squares left.

alias Reduced = f32;

struct Args {
  // Elements (of WIDTH numbers) in a matrix.
  size: u32,
  partials: u32,
  goal: f32,
  margin: f32,
  eps: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> x: array<Element>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  var share = 0.0;
  if (thread < args.partials) { share = partials[group.y * args.partials + thread]; }
  let norm = sqrt(workgroup_sum(share, invocation));
  let scale = args.goal / max(norm * args.margin + args.eps, 1e-6);
  for (var i = group.x * 64u + thread; i < args.size; i += groups.x * 64u) {
    x[group.y * args.size + i] *= scale;
  }
}
