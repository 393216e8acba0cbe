// The output of attention_decode from its parts, added up in their order.

struct Args {
  // Elements of the output.
  count: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<$PART>;
@group(0) @binding(2) var<storage, read> partials: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let i = flat_index(group, groups) * 64u + thread;
  if (i >= args.count) { return; }
  let first = i / $[COLUMNS]u * $[PARTS * (D + 2)]u;
  let column = i % $[COLUMNS]u * $[WIDTH]u;
  var highest = partials[first + $[D + 1]u];
//# for p < PARTS - 1
  highest = max(highest, partials[first + $[(p + 2) * (D + 2) - 1]u]);
//# end
  var sum = Element();
  var weight = 0.0;
//# for p < PARTS
  let part$p = first + $[p * (D + 2)]u;
  // A part without keys has no weight.
  let share$p = exp(partials[part$p + $[D + 1]u] - highest);
  weight += share$p * partials[part$p + $[D]u];
//# if WIDTH == 4
  sum += share$p * vec4f(partials[part$p + column], partials[part$p + column + 1u],
    partials[part$p + column + 2u], partials[part$p + column + 3u]);
//# else
  sum += share$p * partials[part$p + column];
//# end
//# end
  out[i] = $PART_NARROW(sum / weight);
}
