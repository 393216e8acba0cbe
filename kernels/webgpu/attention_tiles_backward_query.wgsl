// dq, a workgroup per tile of queries of one head, those that see most keys first: with p =
// exp(scale·q·k − lse), ds = scale · p · (dout·v − delta) and dq = Σ ds·k over the keys.

@group(0) @binding(1) var<storage, read_write> dq: array<Element>;

// Where the heads of query 0 and key 0 start, in elements, and the tile's first query.
var<private> queryHead: u32;
var<private> keyHead: u32;
var<private> firstQuery: u32;

fn load_row(what: u32, row: u32, d: u32) -> vec4f {
  let index = queryHead + (min(firstQuery + row, args.T - 1u) * args.H * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(q[index]), d < $[D]u); }
  return select(vec4f(), dout[index], d < $[D]u);
//# else
  if (what == 0u) { return masked(vec4f(q[index], q[index + 1u], q[index + 2u], q[index + 3u]), d); }
  return masked(vec4f(dout[index], dout[index + 1u], dout[index + 2u], dout[index + 3u]), d);
//# end
}

fn load_column(what: u32, first: u32, column: u32, d: u32) -> vec4f {
  let index = keyHead + (min(first + column, args.T - 1u) * args.Hkv * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(k[index]), d < $[D]u); }
  return select(vec4f(), $PART_WIDEN(v[index]), d < $[D]u);
//# else
  if (what == 0u) { return masked(vec4f(k[index], k[index + 1u], k[index + 2u], k[index + 3u]), d); }
  return masked(vec4f(v[index], v[index + 1u], v[index + 2u], v[index + 3u]), d);
//# end
}

@compute @workgroup_size($[SIDE * SIDE])
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
//# if MATRICES
  @builtin(subgroup_id) id: u32,
//# end
) {
//# if MATRICES
  subgroup = id;
//# end
  let local = vec3u(thread % $[SIDE]u, thread / $[SIDE]u, 0u);
  let h = group.x;
  let b = group.y;
  let firstRow = (groups.z - 1u - group.z) * $[4 * SIDE]u;
  firstQuery = firstRow;
  queryHead = (b * args.T * args.H + h) * $[D / WIDTH]u;
  keyHead = (b * args.T * args.Hkv + h / (args.H / args.Hkv)) * $[D / WIDTH]u;
  let lastQuery = min(firstRow + $[4 * SIDE]u, args.T) - 1u;
//# if STARTS
  // None of the tile's queries sees further back than the first.
  let earliest = u32(delta[(b * args.H + h) * args.T + firstRow].y);
  let first = firstRow - min(args.window, firstRow - earliest);
//# else
  let first = select(firstRow - args.window, 0u, firstRow < args.window);
//# end

//# for i < 4
  let t$i = firstRow + local.y * 4u + $[i]u;
  let statistic$i = (b * args.H + h) * args.T + min(t$i, args.T - 1u);
  let lse$i = lse[statistic$i];
//# if STARTS
  let delta$i = delta[statistic$i].x;
  // How far back the query sees.
  let reach$i = min(args.window, t$i - u32(delta[statistic$i].y));
//# else
  let delta$i = delta[statistic$i];
//# end
//# end
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
  var sum$n = mat4x4f();
//# end
  for (var firstKey = first / $[4 * SIDE]u * $[4 * SIDE]u; firstKey <= lastQuery; firstKey += $[4 * SIDE]u) {
    let s = product(0u, firstKey, local);
    let dp = product(1u, firstKey, local);
    let key = vec4u(firstKey + local.x * 4u) + vec4u(0u, 1u, 2u, 3u);
//# for i < 4
    // The distance: a key after the query is very far away.
//# if STARTS
    let seen$i = vec4u(t$i) - key <= vec4u(reach$i);
//# else
    let seen$i = vec4u(t$i) - key <= vec4u(args.window);
//# end
    let p$i = select(vec4f(), exp(args.scale * s[$i] - lse$i), seen$i);
    let ds$i = args.scale * p$i * (dp[$i] - delta$i);
//# end
    share_weights(mat4x4f(ds0, ds1, ds2, ds3), local);
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
    sum$n = accumulate(sum$n, 0u, firstKey, $[n]u, local);
//# end
  }
//# for i < 4
  if (t$i < args.T) {
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
    let d$[i]_$n = (local.x + $[n * SIDE]u) * 4u;
    let index$[i]_$n = queryHead + (t$i * args.H * $[D]u + d$[i]_$n) / $[WIDTH]u;
//# if WIDTH == 4
    if (d$[i]_$n < $[D]u) { dq[index$[i]_$n] = sum$n[$i]; }
//# else
//# for e < 4
    if (d$[i]_$n + $[e]u < $[D]u) { dq[index$[i]_$n + $[e]u] = sum$n[$i][$e]; }
//# end
//# end
//# end
  }
//# end
}
