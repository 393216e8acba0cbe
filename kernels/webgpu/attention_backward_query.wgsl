// dq, a workgroup per tile of queries of one head: with p = exp(scale·q·k − lse), ds = scale · p ·
// (dout·v − delta) and dq = Σ ds·k over the keys.

struct Args {
  T: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dq: array<Part>;
@group(0) @binding(2) var<storage, read> q: array<$PART>;
@group(0) @binding(3) var<storage, read> k: array<$PART>;
@group(0) @binding(4) var<storage, read> v: array<$PART>;
@group(0) @binding(5) var<storage, read> dout: array<Part>;
@group(0) @binding(6) var<storage, read> lse: array<f32>;
@group(0) @binding(7) var<storage, read> delta: array<f32>;

fn load_row(what: u32, queries: Lines, row: u32, d: u32) -> vec4f {
  let t = min(queries.first + row, args.T - 1u);
  let index = queries.head + (t * args.H * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(q[index]), d < $[D]u); }
  return select(vec4f(), dout[index], d < $[D]u);
//# else
  if (what == 0u) { return four_of(q[index], q[index + 1u], d); }
  return four_of(dout[index], dout[index + 1u], d);
//# end
}

fn load_column(what: u32, keys: Lines, column: u32, d: u32) -> vec4f {
  let s = min(keys.first + column, args.T - 1u);
  let index = keys.head + (s * args.Hkv * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(k[index]), d < $[D]u); }
  return select(vec4f(), $PART_WIDEN(v[index]), d < $[D]u);
//# else
  if (what == 0u) { return four_of(k[index], k[index + 1u], d); }
  return four_of(v[index], v[index + 1u], d);
//# end
}

@compute @workgroup_size($[TX * TY])
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) thread: u32,
//# if MATRICES
  @builtin(subgroup_id) id: u32,
//# end
) {
//# if MATRICES
  subgroup = id;
//# end
  let local = vec3u(thread % $[TX]u, thread / $[TX]u, 0u);
  let h = group.y;
  let b = group.z;
  let firstQuery = group.x * $[TY * RR]u;
  let queries = Lines((b * args.T * args.H + h) * $[D / WIDTH]u, firstQuery);
  let keyHead = (b * args.T * args.Hkv + h / (args.H / args.Hkv)) * $[D / WIDTH]u;
  let lastQuery = min(firstQuery + $[TY * RR]u, args.T) - 1u;
  let first = select(firstQuery - args.window, 0u, firstQuery < args.window);

//# for i < RR
  let t$[i] = firstQuery + row_of($[i]u, local);
  let statistic$[i] = (b * args.H + h) * args.T + min(t$[i], args.T - 1u);
  let lse$[i] = lse[statistic$[i]];
  let delta$[i] = delta[statistic$[i]];
//# end
  for (var firstKey = first / $[TX * CC]u * $[TX * CC]u; firstKey <= lastQuery; firstKey += $[TX * CC]u) {
    let keys = Lines(keyHead, firstKey);
    product(0u, queries, keys, thread, local);
//# for i < RR
//# for j < CC / 4
    let key$[i]_$[j] = vec4u(firstKey) + columns_of($[j]u, local);
    let seen$[i]_$[j] = (key$[i]_$[j] <= vec4u(t$[i])) &
      (vec4u(t$[i]) - key$[i]_$[j] <= vec4u(args.window));
    let p$[i]_$[j] = select(vec4f(), exp(args.scale * s$[i]_$[j] - lse$[i]), seen$[i]_$[j]);
//# end
//# end
    product(1u, queries, keys, thread, local);
//# for i < RR
//# for j < CC / 4
    s$[i]_$[j] = args.scale * p$[i]_$[j] * (s$[i]_$[j] - delta$[i]);
//# end
//# end
    share_weights(local);
    accumulate_0(0u, keys, thread, local);
  }
//# for i < RR
  if (t$[i] < args.T) {
//# for n < (D + 4 * TX - 1) / (4 * TX)
    let column$[i]_$[n] = (local.x + $[n * TX]u) * $[4 / WIDTH]u;
    let index$[i]_$[n] = queries.head + t$[i] * args.H * $[D / WIDTH]u + column$[i]_$[n];
//# if WIDTH == 4
    if (column$[i]_$[n] < $[D / 4]u) { dq[index$[i]_$[n]] = sum0_$[i]_$[n]; }
//# else
    if (column$[i]_$[n] < $[D / 2]u) { dq[index$[i]_$[n]] = sum0_$[i]_$[n].xy; }
    if (column$[i]_$[n] + 1u < $[D / 2]u) { dq[index$[i]_$[n] + 1u] = sum0_$[i]_$[n].zw; }
//# end
//# end
  }
//# end
}
