// dk and dv, a workgroup per tile of keys of one key/value head, those that most queries see first:
// with p and ds as in attention_tiles_backward_query, dv = Σ p·dout and dk = Σ ds·q over the queries of
// all heads that share it.

@group(0) @binding(1) var<storage, read_write> dk: array<Element>;
@group(0) @binding(2) var<storage, read_write> dv: array<Element>;

// Where the heads of query 0 and key 0 start, in elements, and the tile's first key.
var<private> queryHead: u32;
var<private> keyHead: u32;
var<private> firstKey: u32;

fn load_row(what: u32, row: u32, d: u32) -> vec4f {
  let index = keyHead + (min(firstKey + row, args.T - 1u) * args.Hkv * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(k[index]), d < $[D]u); }
  return select(vec4f(), $PART_WIDEN(v[index]), d < $[D]u);
//# else
  if (what == 0u) { return masked(vec4f(k[index], k[index + 1u], k[index + 2u], k[index + 3u]), d); }
  return masked(vec4f(v[index], v[index + 1u], v[index + 2u], v[index + 3u]), d);
//# end
}

fn load_column(what: u32, first: u32, column: u32, d: u32) -> vec4f {
  let index = queryHead + (min(first + column, args.T - 1u) * args.H * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(q[index]), d < $[D]u); }
  return select(vec4f(), dout[index], d < $[D]u);
//# else
  if (what == 0u) { return masked(vec4f(q[index], q[index + 1u], q[index + 2u], q[index + 3u]), d); }
  return masked(vec4f(dout[index], dout[index + 1u], dout[index + 2u], dout[index + 3u]), d);
//# end
}

@compute @workgroup_size($[SIDE * SIDE])
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
  let local = vec3u(thread % $[SIDE]u, thread / $[SIDE]u, 0u);
  let kvHead = group.x;
  let b = group.y;
  let sharing = args.H / args.Hkv;
  let firstRow = group.z * $[4 * SIDE]u;
  firstKey = firstRow;
  keyHead = (b * args.T * args.Hkv + kvHead) * $[D / WIDTH]u;
  // The first query that sees none of these keys.
  let end = min(firstRow + $[4 * SIDE]u + args.window, args.T);

//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
  var dk$n = mat4x4f();
  var dv$n = mat4x4f();
//# end
  for (var h = kvHead * sharing; h < (kvHead + 1u) * sharing; h += 1u) {
    queryHead = (b * args.T * args.H + h) * $[D / WIDTH]u;
    let statistics = (b * args.H + h) * args.T;
    for (var firstQuery = firstRow; firstQuery < end; firstQuery += $[4 * SIDE]u) {
//# if STARTS
      // Nor do the queries after it see any of these keys, where this one does not.
      if (u32(delta[statistics + firstQuery].y) >= firstRow + $[4 * SIDE]u) { break; }
//# end
      let s = product(0u, firstQuery, local);
      let t = vec4u(firstQuery + local.x * 4u) + vec4u(0u, 1u, 2u, 3u);
      let at = vec4u(statistics) + min(t, vec4u(args.T - 1u));
      let lse_t = vec4f(lse[at.x], lse[at.y], lse[at.z], lse[at.w]);
//# if STARTS
      let delta_t = vec4f(delta[at.x].x, delta[at.y].x, delta[at.z].x, delta[at.w].x);
      let start_t = vec4u(vec4f(delta[at.x].y, delta[at.y].y, delta[at.z].y, delta[at.w].y));
      // How far back the queries see.
      let reach_t = min(vec4u(args.window), t - start_t);
//# else
      let delta_t = vec4f(delta[at.x], delta[at.y], delta[at.z], delta[at.w]);
//# end
//# for i < 4
      // The distance: a query before the key is very far away.
//# if STARTS
      let seen$i = (t - vec4u(firstRow + local.y * 4u + $[i]u) <= reach_t) & (t < vec4u(args.T));
//# else
      let seen$i = (t - vec4u(firstRow + local.y * 4u + $[i]u) <= vec4u(args.window)) & (t < vec4u(args.T));
//# end
      let p$i = select(vec4f(), exp(args.scale * s[$i] - lse_t), seen$i);
//# end
      share_weights(mat4x4f(p0, p1, p2, p3), local);
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
      dv$n = accumulate(dv$n, 1u, firstQuery, $[n]u, local);
//# end
      let dp = product(1u, firstQuery, local);
//# for i < 4
      let ds$i = args.scale * p$i * (dp[$i] - delta_t);
//# end
      share_weights(mat4x4f(ds0, ds1, ds2, ds3), local);
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
      dk$n = accumulate(dk$n, 0u, firstQuery, $[n]u, local);
//# end
    }
  }
//# for i < 4
  let row$i = firstRow + local.y * 4u + $[i]u;
  if (row$i < args.T) {
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
    let d$[i]_$n = (local.x + $[n * SIDE]u) * 4u;
    let index$[i]_$n = keyHead + (row$i * args.Hkv * $[D]u + d$[i]_$n) / $[WIDTH]u;
//# if WIDTH == 4
    if (d$[i]_$n < $[D]u) {
      dk[index$[i]_$n] = dk$n[$i];
      dv[index$[i]_$n] = dv$n[$i];
    }
//# else
//# for e < 4
    if (d$[i]_$n + $[e]u < $[D]u) {
      dk[index$[i]_$n + $[e]u] = dk$n[$i][$e];
      dv[index$[i]_$n + $[e]u] = dv$n[$i][$e];
    }
//# end
//# end
//# end
  }
//# end
}
