// dk and dv, a workgroup per tile of keys of one kv head: with p and ds as in
// attention_backward_query, dv = Σ p·dout and dk = Σ ds·q over the queries of all heads that share it.

struct Args {
  T: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> dk: array<Part>;
@group(0) @binding(2) var<storage, read_write> dv: array<Part>;
@group(0) @binding(3) var<storage, read> q: array<$PART>;
@group(0) @binding(4) var<storage, read> k: array<$PART>;
@group(0) @binding(5) var<storage, read> v: array<$PART>;
@group(0) @binding(6) var<storage, read> dout: array<Part>;
@group(0) @binding(7) var<storage, read> lse: array<f32>;
@group(0) @binding(8) var<storage, read> delta: array<f32>;

fn load_row(what: u32, keys: Lines, row: u32, d: u32) -> vec4f {
  let s = min(keys.first + row, args.T - 1u);
  let index = keys.head + (s * args.Hkv * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(k[index]), d < $[D]u); }
  return select(vec4f(), $PART_WIDEN(v[index]), d < $[D]u);
//# else
  if (what == 0u) { return four_of(k[index], k[index + 1u], d); }
  return four_of(v[index], v[index + 1u], d);
//# end
}

fn load_column(what: u32, queries: Lines, column: u32, d: u32) -> vec4f {
  let t = min(queries.first + column, args.T - 1u);
  let index = queries.head + (t * args.H * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(q[index]), d < $[D]u); }
  return select(vec4f(), dout[index], d < $[D]u);
//# else
  if (what == 0u) { return four_of(q[index], q[index + 1u], d); }
  return four_of(dout[index], dout[index + 1u], d);
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
  let kvHead = group.y;
  let b = group.z;
  let sharing = args.H / args.Hkv;
  let firstKey = group.x * $[TY * RR]u;
  let keys = Lines((b * args.T * args.Hkv + kvHead) * $[D / WIDTH]u, firstKey);
  // The first query that sees none of these keys.
  let end = min(firstKey + $[TY * RR]u + args.window, args.T);

  for (var h = kvHead * sharing; h < (kvHead + 1u) * sharing; h += 1u) {
    let queryHead = (b * args.T * args.H + h) * $[D / WIDTH]u;
    let statistics = (b * args.H + h) * args.T;
    for (var firstQuery = firstKey / $[TX * CC]u * $[TX * CC]u; firstQuery < end; firstQuery += $[TX * CC]u) {
      let queries = Lines(queryHead, firstQuery);
      product(0u, keys, queries, thread, local);
//# for j < CC / 4
      let t$[j] = vec4u(firstQuery) + columns_of($[j]u, local);
      let at$[j] = vec4u(statistics) + min(t$[j], vec4u(args.T - 1u));
      let lse$[j] = vec4f(lse[at$[j].x], lse[at$[j].y], lse[at$[j].z], lse[at$[j].w]);
      let delta$[j] = vec4f(delta[at$[j].x], delta[at$[j].y], delta[at$[j].z], delta[at$[j].w]);
//# end
//# for i < RR
      let key$[i] = vec4u(firstKey + row_of($[i]u, local));
//# for j < CC / 4
      let seen$[i]_$[j] = (key$[i] <= t$[j]) & (t$[j] - key$[i] <= vec4u(args.window)) &
        (t$[j] < vec4u(args.T));
      let p$[i]_$[j] = select(vec4f(), exp(args.scale * s$[i]_$[j] - lse$[j]), seen$[i]_$[j]);
      s$[i]_$[j] = p$[i]_$[j];
//# end
//# end
      share_weights(local);
      accumulate_1(1u, queries, thread, local);
      product(1u, keys, queries, thread, local);
//# for i < RR
//# for j < CC / 4
      s$[i]_$[j] = args.scale * p$[i]_$[j] * (s$[i]_$[j] - delta$[j]);
//# end
//# end
      share_weights(local);
      accumulate_0(0u, queries, thread, local);
    }
  }
//# for i < RR
  let row$[i] = firstKey + row_of($[i]u, local);
  if (row$[i] < args.T) {
//# for n < (D + 4 * TX - 1) / (4 * TX)
    let column$[i]_$[n] = (local.x + $[n * TX]u) * $[4 / WIDTH]u;
    let index$[i]_$[n] = keys.head + row$[i] * args.Hkv * $[D / WIDTH]u + column$[i]_$[n];
//# if WIDTH == 4
    if (column$[i]_$[n] < $[D / 4]u) {
      dk[index$[i]_$[n]] = sum0_$[i]_$[n];
      dv[index$[i]_$[n]] = sum1_$[i]_$[n];
    }
//# else
    if (column$[i]_$[n] < $[D / 2]u) {
      dk[index$[i]_$[n]] = sum0_$[i]_$[n].xy;
      dv[index$[i]_$[n]] = sum1_$[i]_$[n].xy;
    }
    if (column$[i]_$[n] + 1u < $[D / 2]u) {
      dk[index$[i]_$[n] + 1u] = sum0_$[i]_$[n].zw;
      dv[index$[i]_$[n] + 1u] = sum1_$[i]_$[n].zw;
    }
//# end
//# end
  }
//# end
}
