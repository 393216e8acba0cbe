// Causal softmax attention, a workgroup per tile of queries of one head.

@compute @workgroup_size($LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.x;
  let b = group.y;
  let firstQuery = (groups.z - 1u - group.z) * $[R * LANES]u;
  let keyHead = h / (args.H / args.Hkv) * $[D / WIDTH]u;
  let keyRow = args.Hkv * $[D / WIDTH]u;
  // The position of query 0.
  var position = 0u;
//# if CACHE
  position = positions[b];
//# end
  let lastQuery = position + min(firstQuery + $[R * LANES]u, args.T) - 1u;
  let nearest = position + firstQuery;
//# if STARTS
  // None of the tile's queries sees further back than the first.
  let first = nearest - min(args.window, nearest - starts[b * args.T + firstQuery]);
//# else
  let first = select(nearest - args.window, 0u, nearest < args.window);
//# end

//# for r < R
  let t$r = firstQuery + $[r * LANES]u + lane;
  let row$r = ((b * args.T + min(t$r, args.T - 1u)) * args.H + h) * $[D / WIDTH]u;
  var out$r: array<Element, $[D / WIDTH]>;
  var highest$r = LOWEST;
  var total$r = 0.0;
//# if STARTS
  // How far back the query sees.
  let reach$r = min(args.window, t$r - starts[b * args.T + min(t$r, args.T - 1u)]);
//# end
//# end
  for (var firstKey = first / $[C * LANES]u * $[C * LANES]u; firstKey <= lastQuery; firstKey += $[C * LANES]u) {
    let tile = keyHead + row_of_key(b, firstKey) * keyRow;
    // None of the tile's queries sees a key behind it, nor need there be one.
    let lastColumn = lastQuery - firstKey;
//# for c < SUBGROUPS * C
    let key$c = tile + min($[c * LANES]u + lane, lastColumn) * keyRow;
//# end
//# for r < R
//# for j < C * LANES
    var s$[r]_$j = 0.0;
//# end
//# end
    for (var n = 0u; n < $[D / WIDTH]u; n += 1u) {
//# for r < R
      let q$r = $PART_WIDEN(q[row$r + n]);
//# end
//# for c < SUBGROUPS * C
      let k$c = $PART_WIDEN(k[key$c + n]);
//# end
//# for j < C * LANES
//# if SUBGROUPS
      let k_$j = subgroupShuffle(k$[j / LANES], $[j % LANES]u);
//# else
      let k_$j = $PART_WIDEN(k[tile + min($[j]u, lastColumn) * keyRow + n]);
//# end
//# for r < R
      s$[r]_$j = add_product(s$[r]_$j, q$r, k_$j);
//# end
//# end
    }
//# for r < R
    let before$r = highest$r;
//# for j < C * LANES
    let distance$[r]_$j = position + t$r - (firstKey + $[j]u);
    // A key after the query is very far away.
//# if STARTS
    let seen$[r]_$j = distance$[r]_$j <= reach$r;
//# else
    let seen$[r]_$j = distance$[r]_$j <= args.window;
//# end
    let score$[r]_$j = select(LOWEST, args.scale * s$[r]_$j, seen$[r]_$j);
    highest$r = max(highest$r, score$[r]_$j);
//# end
    let shrink$r = exp(before$r - highest$r);
    total$r *= shrink$r;
//# for j < C * LANES
    let p$[r]_$j = select(0.0, exp(score$[r]_$j - highest$r), seen$[r]_$j);
    total$r += p$[r]_$j;
//# end
//# end
    for (var n = 0u; n < $[D / WIDTH]u; n += 1u) {
//# for r < R
      var sum$r = out$r[n] * shrink$r;
//# end
//# for c < SUBGROUPS * C
      let v$c = $PART_WIDEN(v[key$c + n]);
//# end
//# for j < C * LANES
//# if SUBGROUPS
      let v_$j = subgroupShuffle(v$[j / LANES], $[j % LANES]u);
//# else
      let v_$j = $PART_WIDEN(v[tile + min($[j]u, lastColumn) * keyRow + n]);
//# end
//# for r < R
      sum$r = fma(Element(p$[r]_$j), v_$j, sum$r);
//# end
//# end
//# for r < R
      out$r[n] = sum$r;
//# end
    }
  }

  // How often this is done is not written here, or compilers would unroll it.
  for (var n = 0u; n < args.columns; n += 1u) {
//# for r < R
    if (t$r < args.T) { out[row$r + n] = $PART_NARROW(out$r[n] / total$r); }
//# end
  }
//# if !CACHE
//# for r < R
  if (t$r < args.T) { lse[(b * args.H + h) * args.T + t$r] = highest$r + log(total$r); }
//# end
//# end
}
