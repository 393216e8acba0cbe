// How fast an adapter multiplies and adds: nothing but registers takes part. Each thread works on
// CHAINS numbers that do not wait for each other.

struct Args {
  rounds: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = group.x * 64u + thread;
  // Not known before it runs, so that no compiler computes the result.
  let factor = 1.0 - f32(i) * 1e-9;
  let addend = f32(i) * 1e-9;
//# for c < CHAINS
  var x$c = f32(i + $[c]u);
//# end
  for (var round = 0u; round < args.rounds; round++) {
//# for s < STEPS
//# for c < CHAINS
    x$c = fma(x$c, factor, addend);
//# end
//# end
  }
  var sum = 0.0;
//# for c < CHAINS
  sum += x$c;
//# end
  out[i] = sum;
}
