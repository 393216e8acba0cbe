// dx = a·dout, dy (+)= b·dout, and each workgroup's share of Σ dout·x and Σ dout·y.
//
// A, B: whether a, b are elements of tensors, else 1. SUM_X, SUM_Y: which sums are wanted.
// IN_PLACE: dx is dout.

alias Reduced = vec2f;

struct Args {
  count: u32,
  aIndex: u32,
  bIndex: u32,
  aSign: f32,
  bSign: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dx: array<Element>;
@group(0) @binding(2) var<storage, read_write> dy: array<Element>;
//# if !IN_PLACE
@group(0) @binding(3) var<storage, read> dout: array<Element>;
//# end
//# if A
@group(0) @binding(4) var<storage, read> a: array<f32>;
//# end
//# if B
@group(0) @binding(5) var<storage, read> b: array<f32>;
//# end
//# if SUM_X
@group(0) @binding(6) var<storage, read> x: array<Element>;
//# end
//# if SUM_Y
@group(0) @binding(7) var<storage, read> y: array<Element>;
//# end
//# if SUM
@group(0) @binding(8) var<storage, read_write> partials: array<vec2f>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  invocation: Invocation,
) {
  let thread = invocation.thread;
  var sums = vec2f();
  for (var i = group.x * 64u + thread; i < args.count; i += groups.x * 64u) {
//# if IN_PLACE
    let gradient = dx[i];
//# else
    let gradient = dout[i];
//# end
    var left = gradient;
    var right = gradient;
//# if A
    left *= args.aSign * a[args.aIndex];
//# end
//# if B
    right *= args.bSign * b[args.bIndex];
//# end
    dx[i] = left;
//# if OVERWRITE
    dy[i] = right;
//# else
    dy[i] += right;
//# end
//# if SUM_X
    sums.x += total(gradient * x[i]);
//# end
//# if SUM_Y
    sums.y += total(gradient * y[i]);
//# end
  }
//# if SUM
  let sum = workgroup_sum(sums, invocation);
  if (thread == 0u) { partials[group.x] = sum; }
//# end
}
