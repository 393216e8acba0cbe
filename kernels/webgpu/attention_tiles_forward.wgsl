// Causal softmax attention, a workgroup per tile of queries of one head, those that see most keys
// first.

// Where the head starts in row 0 of the sequence's queries, and of all keys, in elements; the tile's
// first query, and the last key of a tile that one of the queries sees.
var<private> queryHead: u32;
var<private> keyHead: u32;
var<private> firstQuery: u32;
var<private> lastColumn: u32;

fn load_row(what: u32, row: u32, d: u32) -> vec4f {
  let index = queryHead + (min(firstQuery + row, args.T - 1u) * args.H * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  return select(vec4f(), $PART_WIDEN(q[index]), d < $[D]u);
//# else
  return masked(vec4f(q[index], q[index + 1u], q[index + 2u], q[index + 3u]), d);
//# end
}

fn load_column(what: u32, first: u32, column: u32, d: u32) -> vec4f {
  let index = keyHead + ((first + min(column, lastColumn)) * args.Hkv * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(k[index]), d < $[D]u); }
  return $PART_WIDEN(v[index]);
//# else
  if (what == 0u) { return masked(vec4f(k[index], k[index + 1u], k[index + 2u], k[index + 3u]), d); }
  return vec4f(v[index], v[index + 1u], v[index + 2u], v[index + 3u]);
//# end
}

// A value for each four rows and each thread along them.
var<workgroup> perThread: array<vec4f, $[SIDE * SIDE]>;

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
  keyHead = h / (args.H / args.Hkv) * $[D / WIDTH]u;
  // The position of query 0.
  var position = 0u;
//# if CACHE
  position = positions[b];
//# end
  let lastQuery = position + min(firstRow + $[4 * SIDE]u, args.T) - 1u;
  let nearest = position + firstRow;
//# if STARTS
  // None of the tile's queries sees further back than the first.
  let first = nearest - min(args.window, nearest - starts[b * args.T + firstRow]);
//# else
  let first = select(nearest - args.window, 0u, nearest < args.window);
//# end

//# if STAGED
//# for c < (D + 4 * SIDE - 1) / (4 * SIDE)
  stage_rows(0u, $[c * 4 * SIDE]u, $[c * 4 * SIDE]u, local);
//# end
//# end
  var highest = vec4f(LOWEST);
  var total = vec4f();
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
  var sum$n = mat4x4f();
//# end
  let query = position + firstRow + local.y * 4u;
//# if STARTS
//# for i < 4
  // How far back the query sees.
  let reach$i = min(args.window, query + $[i]u - starts[b * args.T + min(query + $[i]u, args.T - 1u)]);
//# end
//# end
  for (var firstKey = first / $[4 * SIDE]u * $[4 * SIDE]u; firstKey <= lastQuery; firstKey += $[4 * SIDE]u) {
    let firstColumn = row_of_key(b, firstKey);
    lastColumn = lastQuery - firstKey;
    let s = product(0u, firstColumn, local);
    let key = vec4u(firstKey + local.x * 4u) + vec4u(0u, 1u, 2u, 3u);
//# for i < 4
    // A key after the query is very far away.
//# if STARTS
    let seen$i = vec4u(query + $[i]u) - key <= vec4u(reach$i);
//# else
    let seen$i = vec4u(query + $[i]u) - key <= vec4u(args.window);
//# end
    let score$i = select(vec4f(LOWEST), args.scale * s[$i], seen$i);
    let max$i = max(max(score$i.x, score$i.y), max(score$i.z, score$i.w));
//# end
    perThread[local.x * $[SIDE]u + local.y] = vec4f(max0, max1, max2, max3);
    workgroupBarrier();
    let before = highest;
//# for x < SIDE
    highest = max(highest, perThread[$[x * SIDE]u + local.y]);
//# end
    let shrink = exp(before - highest);
//# for i < 4
    let p$i = select(vec4f(), exp(score$i - highest[$i]), seen$i);
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
    sum$n[$i] *= shrink[$i];
//# end
//# end
    total = total * shrink + vec4f(
      (p0.x + p0.y) + (p0.z + p0.w),
      (p1.x + p1.y) + (p1.z + p1.w),
      (p2.x + p2.y) + (p2.z + p2.w),
      (p3.x + p3.y) + (p3.z + p3.w),
    );
    share_weights(mat4x4f(p0, p1, p2, p3), local);
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
    sum$n = accumulate(sum$n, 1u, firstColumn, $[n]u, local);
//# end
  }

  perThread[local.x * $[SIDE]u + local.y] = total;
  workgroupBarrier();
  var all = vec4f();
//# for x < SIDE
  all += perThread[$[x * SIDE]u + local.y];
//# end
//# for i < 4
  let t$i = firstRow + local.y * 4u + $[i]u;
  if (t$i < args.T) {
//# for n < (D + 4 * SIDE - 1) / (4 * SIDE)
    let d$[i]_$n = (local.x + $[n * SIDE]u) * 4u;
    let index$[i]_$n = queryHead + (t$i * args.H * $[D]u + d$[i]_$n) / $[WIDTH]u;
    let value$[i]_$n = sum$n[$i] / all[$i];
//# if WIDTH == 4
    if (d$[i]_$n < $[D]u) { out[index$[i]_$n] = $PART_NARROW(value$[i]_$n); }
//# else
//# for e < 4
    if (d$[i]_$n + $[e]u < $[D]u) { out[index$[i]_$n + $[e]u] = value$[i]_$n[$e]; }
//# end
//# end
//# end
//# if !CACHE
    if (local.x == 0u) { lse[(b * args.H + h) * args.T + t$i] = highest[$i] + log(all[$i]); }
//# end
  }
//# end
}
