// The output of attention_decode from its parts, added up in their order.

struct Args {
  // Elements of the output, and parts of each.
  count: u32,
  parts: u32,
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
  let first = i / $[COLUMNS]u * args.parts * $[D + 2]u;
  let end = first + args.parts * $[D + 2]u;
  let column = i % $[COLUMNS]u * $[WIDTH]u;
  var highest = partials[first + $[D + 1]u];
  for (var part = first + $[D + 2]u; part < end; part += $[D + 2]u) {
    highest = max(highest, partials[part + $[D + 1]u]);
  }
  var sum = Element();
  var weight = 0.0;
  for (var part = first; part < end; part += $[D + 2]u) {
    // A part without keys has no weight.
    let share = exp(partials[part + $[D + 1]u] - highest);
    weight += share * partials[part + $[D]u];
//# if WIDTH == 4
    sum += share * vec4f(partials[part + column], partials[part + column + 1u],
      partials[part + column + 2u], partials[part + column + 3u]);
//# else
    sum += share * partials[part + column];
//# end
  }
  out[i] = $PART_NARROW(sum / weight);
}
