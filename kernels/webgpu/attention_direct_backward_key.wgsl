// dk and dv, a workgroup per tile of keys of one key/value head: with p and ds as in
// attention_direct_backward_query, dv = Σ p·dout and dk = Σ ds·q over the queries of all heads that
// share it.

@group(0) @binding(1) var<storage, read_write> dk: array<Element>;
@group(0) @binding(2) var<storage, read_write> dv: array<Element>;

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let kvHead = group.x;
  let b = group.y;
  let sharing = args.H / args.Hkv;
  let firstKey = group.z * $[R * LANES]u;
  let queryRow = args.H * $[D / WIDTH]u;
  // The first query that sees none of these keys.
  let end = min(firstKey + $[R * LANES]u + args.window, args.T);

//# for r < R
  let key$r = firstKey + $[r * LANES]u + lane;
  let row$r = ((b * args.T + min(key$r, args.T - 1u)) * args.Hkv + kvHead) * $[D / WIDTH]u;
//# end
  for (var h = kvHead * sharing; h < (kvHead + 1u) * sharing; h += 1u) {
    let queryHead = (b * args.T * args.H + h) * $[D / WIDTH]u;
    let statistics = (b * args.H + h) * args.T;
    for (var firstQuery = firstKey / $[C * LANES]u * $[C * LANES]u; firstQuery < end; firstQuery += $[C * LANES]u) {
//# if STARTS
      // Nor do the queries after it see any of these keys, where this one does not.
      if (u32(delta[statistics + firstQuery].y) >= firstKey + $[R * LANES]u) { break; }
//# end
      let isFirst = h == kvHead * sharing && firstQuery <= firstKey;
//# for c < SUBGROUPS * C
      let t$c = min(firstQuery + $[c * LANES]u + lane, args.T - 1u);
      let query$c = queryHead + t$c * queryRow;
      let lse$c = lse[statistics + t$c];
//# if STARTS
      let statistics$c = delta[statistics + t$c];
      let delta$c = statistics$c.x;
      // How far back the query sees.
      let reach$c = min(args.window, t$c - u32(statistics$c.y));
//# else
      let delta$c = delta[statistics + t$c];
//# end
//# end
//# for r < R
//# for j < C * LANES
      var s$[r]_$j = 0.0;
      var dp$[r]_$j = 0.0;
//# end
//# end
      for (var n = 0u; n < $[D / WIDTH]u; n += 1u) {
//# for r < R
        let k$r = $PART_WIDEN(k[row$r + n]);
        let v$r = $PART_WIDEN(v[row$r + n]);
//# end
//# for c < SUBGROUPS * C
        let q$c = $PART_WIDEN(q[query$c + n]);
        let dout$c = dout[query$c + n];
//# end
//# for j < C * LANES
//# if SUBGROUPS
        let q_$j = subgroupShuffle(q$[j / LANES], $[j % LANES]u);
        let dout_$j = subgroupShuffle(dout$[j / LANES], $[j % LANES]u);
//# else
        let at_$j = queryHead + min(firstQuery + $[j]u, args.T - 1u) * queryRow + n;
        let q_$j = $PART_WIDEN(q[at_$j]);
        let dout_$j = dout[at_$j];
//# end
//# for r < R
        s$[r]_$j = add_product(s$[r]_$j, k$r, q_$j);
        dp$[r]_$j = add_product(dp$[r]_$j, v$r, dout_$j);
//# end
//# end
      }
//# for j < C * LANES
//# if SUBGROUPS
      let lse_$j = subgroupShuffle(lse$[j / LANES], $[j % LANES]u);
      let delta_$j = subgroupShuffle(delta$[j / LANES], $[j % LANES]u);
//# if STARTS
      let reach_$j = subgroupShuffle(reach$[j / LANES], $[j % LANES]u);
//# end
//# else
      let at_$j = statistics + min(firstQuery + $[j]u, args.T - 1u);
      let lse_$j = lse[at_$j];
//# if STARTS
      let delta_$j = delta[at_$j].x;
      let reach_$j = min(args.window, firstQuery + $[j]u - u32(delta[at_$j].y));
//# else
      let delta_$j = delta[at_$j];
//# end
//# end
//# for r < R
      // The distance: a query before the key is very far away.
//# if STARTS
      let seen$[r]_$j = firstQuery + $[j]u - key$r <= reach_$j && firstQuery + $[j]u < args.T;
//# else
      let seen$[r]_$j = firstQuery + $[j]u - key$r <= args.window && firstQuery + $[j]u < args.T;
//# end
      let p$[r]_$j = select(0.0, exp(args.scale * s$[r]_$j - lse_$j), seen$[r]_$j);
      let ds$[r]_$j = args.scale * p$[r]_$j * (dp$[r]_$j - delta_$j);
//# end
//# end
      for (var n = 0u; n < $[D / WIDTH]u; n += 1u) {
//# for r < R
        var dkSum$r = select(dk[row$r + n], Element(), isFirst);
        var dvSum$r = select(dv[row$r + n], Element(), isFirst);
//# end
//# for c < SUBGROUPS * C
        let q$c = $PART_WIDEN(q[query$c + n]);
        let dout$c = dout[query$c + n];
//# end
//# for j < C * LANES
//# if SUBGROUPS
        let q_$j = subgroupShuffle(q$[j / LANES], $[j % LANES]u);
        let dout_$j = subgroupShuffle(dout$[j / LANES], $[j % LANES]u);
//# else
        let at_$j = queryHead + min(firstQuery + $[j]u, args.T - 1u) * queryRow + n;
        let q_$j = $PART_WIDEN(q[at_$j]);
        let dout_$j = dout[at_$j];
//# end
//# for r < R
        dkSum$r = fma(Element(ds$[r]_$j), q_$j, dkSum$r);
        dvSum$r = fma(Element(p$[r]_$j), dout_$j, dvSum$r);
//# end
//# end
//# for r < R
        if (key$r < args.T) {
          dk[row$r + n] = dkSum$r;
          dv[row$r + n] = dvSum$r;
        }
//# end
      }
    }
  }
}
