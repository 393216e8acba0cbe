// out = a·x + b·y. A, B: whether a, b are elements of tensors, else 1. IN_PLACE: x is out.

struct Args {
  count: u32,
  aIndex: u32,
  bIndex: u32,
  aSign: f32,
  bSign: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<Element>;
//# if !IN_PLACE
@group(0) @binding(2) var<storage, read> x: array<Element>;
//# end
@group(0) @binding(3) var<storage, read> y: array<Element>;
//# if A
@group(0) @binding(4) var<storage, read> a: array<f32>;
//# end
//# if B
@group(0) @binding(5) var<storage, read> b: array<f32>;
//# end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
//# if IN_PLACE
  var left = out[i];
//# else
  var left = x[i];
//# end
  var right = y[i];
//# if A
  left *= args.aSign * a[args.aIndex];
//# end
//# if B
  right *= args.bSign * b[args.bIndex];
//# end
  out[i] = left + right;
}
