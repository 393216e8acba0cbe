// dq, a workgroup per tile of queries of one head: with p = exp(scale·q·k − lse), ds = scale · p ·
// (dout·v − delta) and dq = Σ ds·k over the keys.

@group(0) @binding(1) var<storage, read_write> dq: array<Element>;

@compute @workgroup_size($LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.x;
  let b = group.y;
  let firstQuery = (groups.z - 1u - group.z) * $[R * LANES]u;
  let keyHead = (b * args.T * args.Hkv + h / (args.H / args.Hkv)) * $[D / WIDTH]u;
  let keyRow = args.Hkv * $[D / WIDTH]u;
  let lastQuery = min(firstQuery + $[R * LANES]u, args.T) - 1u;
//# if STARTS
  // None of the tile's queries sees further back than the first.
  let earliest = u32(delta[(b * args.H + h) * args.T + firstQuery].y);
  let first = firstQuery - min(args.window, firstQuery - earliest);
//# else
  let first = select(firstQuery - args.window, 0u, firstQuery < args.window);
//# end

//# for r < R
  let t$r = firstQuery + $[r * LANES]u + lane;
  let clamped$r = min(t$r, args.T - 1u);
  let row$r = ((b * args.T + clamped$r) * args.H + h) * $[D / WIDTH]u;
  let lse$r = lse[(b * args.H + h) * args.T + clamped$r];
//# if STARTS
  let statistics$r = delta[(b * args.H + h) * args.T + clamped$r];
  let delta$r = statistics$r.x;
  // How far back the query sees.
  let reach$r = min(args.window, t$r - u32(statistics$r.y));
//# else
  let delta$r = delta[(b * args.H + h) * args.T + clamped$r];
//# end
//# end
  for (var firstKey = first / $[C * LANES]u * $[C * LANES]u; firstKey <= lastQuery; firstKey += $[C * LANES]u) {
    let isFirst = firstKey <= first;
//# for c < SUBGROUPS * C
    let key$c = keyHead + min(firstKey + $[c * LANES]u + lane, args.T - 1u) * keyRow;
//# end
//# for r < R
//# for j < C * LANES
    var s$[r]_$j = 0.0;
    var dp$[r]_$j = 0.0;
//# end
//# end
    for (var n = 0u; n < $[D / WIDTH]u; n += 1u) {
//# for r < R
      let q$r = $PART_WIDEN(q[row$r + n]);
      let dout$r = dout[row$r + n];
//# end
//# for c < SUBGROUPS * C
      let k$c = $PART_WIDEN(k[key$c + n]);
      let v$c = $PART_WIDEN(v[key$c + n]);
//# end
//# for j < C * LANES
//# if SUBGROUPS
      let k_$j = subgroupShuffle(k$[j / LANES], $[j % LANES]u);
      let v_$j = subgroupShuffle(v$[j / LANES], $[j % LANES]u);
//# else
      let at_$j = keyHead + min(firstKey + $[j]u, args.T - 1u) * keyRow + n;
      let k_$j = $PART_WIDEN(k[at_$j]);
      let v_$j = $PART_WIDEN(v[at_$j]);
//# end
//# for r < R
      s$[r]_$j = add_product(s$[r]_$j, q$r, k_$j);
      dp$[r]_$j = add_product(dp$[r]_$j, dout$r, v_$j);
//# end
//# end
    }
//# for r < R
//# for j < C * LANES
    // The distance: a key after the query is very far away.
//# if STARTS
    let seen$[r]_$j = t$r - (firstKey + $[j]u) <= reach$r;
//# else
    let seen$[r]_$j = t$r - (firstKey + $[j]u) <= args.window;
//# end
    let p$[r]_$j = select(0.0, exp(args.scale * s$[r]_$j - lse$r), seen$[r]_$j);
    let ds$[r]_$j = args.scale * p$[r]_$j * (dp$[r]_$j - delta$r);
//# end
//# end
    for (var n = 0u; n < $[D / WIDTH]u; n += 1u) {
//# for r < R
      var sum$r = select(dq[row$r + n], Element(), isFirst);
//# end
//# for c < SUBGROUPS * C
      let k$c = $PART_WIDEN(k[key$c + n]);
//# end
//# for j < C * LANES
//# if SUBGROUPS
      let k_$j = subgroupShuffle(k$[j / LANES], $[j % LANES]u);
//# else
      let k_$j = $PART_WIDEN(k[keyHead + min(firstKey + $[j]u, args.T - 1u) * keyRow + n]);
//# end
//# for r < R
      sum$r = fma(Element(ds$[r]_$j), k_$j, sum$r);
//# end
//# end
//# for r < R
      if (t$r < args.T) { dq[row$r + n] = sum$r; }
//# end
    }
  }
}
