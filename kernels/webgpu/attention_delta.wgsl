// delta[b, h, t] = dout[b, t, h] · out[b, t, h], which every query's softmax gradient subtracts.
// STARTS: beside it the query's start, since those that read both have no buffer left of the eight that
// every adapter has.

struct Args {
  count: u32,
  T: u32,
  H: u32,
  // Elements of a head.
  columns: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
//# if STARTS
@group(0) @binding(1) var<storage, read_write> delta: array<vec2f>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
//# else
@group(0) @binding(1) var<storage, read_write> delta: array<f32>;
//# end
@group(0) @binding(2) var<storage, read> dout: array<Element>;
@group(0) @binding(3) var<storage, read> out: array<$OUT>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let t = i % args.T;
  let h = i / args.T % args.H;
  let b = i / args.T / args.H;
  let first = ((b * args.T + t) * args.H + h) * args.columns;
  var sum = 0.0;
  for (var c = 0u; c < args.columns; c += 1u) {
    sum += total(dout[first + c] * $OUT_WIDEN(out[first + c]));
  }
//# if STARTS
  delta[i] = vec2f(sum, f32(starts[b * args.T + t]));
//# else
  delta[i] = sum;
//# end
}
