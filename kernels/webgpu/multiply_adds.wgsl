// How fast an adapter multiplies and adds: nothing but registers takes part. Each thread works on
// CHAINS numbers that do not wait for each other; on pairs of float16 where HALF.

struct Args {
  rounds: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

//# if HALF
alias Number = vec2h;

fn total(x: Number) -> f32 {
  return f32(x.x) + f32(x.y);
}
//# else
alias Number = f32;

fn total(x: Number) -> f32 {
  return x;
}
//# end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let i = group.x * 64u + thread;
  // Not known before it runs, so that no compiler computes the result.
//# if HALF
  let factor = Number(f16(1.0 - f32(i) * 1e-9));
  let addend = Number(f16(f32(i) * 1e-9));
//# else
  let factor = 1.0 - f32(i) * 1e-9;
  let addend = f32(i) * 1e-9;
//# end
//# for c < CHAINS
//# if HALF
  var x$c = Number(f16(f32(thread + $[c]u)));
//# else
  var x$c = f32(i + $[c]u);
//# end
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
  sum += total(x$c);
//# end
  out[i] = sum;
}
