// Causal softmax attention, a workgroup per tile of queries of one head. CACHE: keys and values are
// in caches of S rows and sequence b's queries start at positions[b]; no lse is kept then.

struct Args {
  T: u32,
  S: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<$PART>;
@group(0) @binding(2) var<storage, read> q: array<$PART>;
@group(0) @binding(3) var<storage, read> k: array<$PART>;
@group(0) @binding(4) var<storage, read> v: array<$PART>;
//# if CACHE
@group(0) @binding(5) var<storage, read> positions: array<u32>;
//# else
@group(0) @binding(6) var<storage, read_write> lse: array<f32>;
//# end

fn load_row(what: u32, queries: Lines, row: u32, d: u32) -> vec4f {
  let t = min(queries.first + row, args.T - 1u);
  let index = queries.head + (t * args.H * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  return select(vec4f(), $PART_WIDEN(q[index]), d < $[D]u);
//# else
  return four_of(q[index], q[index + 1u], d);
//# end
}

fn load_column(what: u32, keys: Lines, column: u32, d: u32) -> vec4f {
  let s = min(keys.first + column, args.S - 1u);
  let index = keys.head + (s * args.Hkv * $[D]u + d) / $[WIDTH]u;
//# if WIDTH == 4
  if (what == 0u) { return select(vec4f(), $PART_WIDEN(k[index]), d < $[D]u); }
  return $PART_WIDEN(v[index]);
//# else
  if (what == 0u) { return four_of(k[index], k[index + 1u], d); }
  return four_of(v[index], v[index + 1u], d);
//# end
}

// A value for each row and each thread along it.
var<workgroup> perThread: array<vec4f, $[TX * TY * RR / 4]>;

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
  let keyHead = (b * args.S * args.Hkv + h / (args.H / args.Hkv)) * $[D / WIDTH]u;
  // The position of query 0.
  var position = 0u;
//# if CACHE
  position = positions[b];
//# end
  let lastQuery = position + min(firstQuery + $[TY * RR]u, args.T) - 1u;
  let nearest = position + firstQuery;
  let first = select(nearest - args.window, 0u, nearest < args.window);

//# for i < RR
  var highest$[i] = LOWEST;
  var total$[i] = 0.0;
//# end
  for (var firstKey = first / $[TX * CC]u * $[TX * CC]u; firstKey <= lastQuery; firstKey += $[TX * CC]u) {
    let keys = Lines(keyHead, firstKey);
    product(0u, queries, keys, thread, local);
//# for i < RR
    let query$[i] = position + firstQuery + row_of($[i]u, local);
    var max$[i] = LOWEST;
//# for j < CC / 4
    let key$[i]_$[j] = vec4u(firstKey) + columns_of($[j]u, local);
    let seen$[i]_$[j] = (key$[i]_$[j] <= vec4u(query$[i])) &
      (vec4u(query$[i]) - key$[i]_$[j] <= vec4u(args.window));
    s$[i]_$[j] = select(vec4f(LOWEST), s$[i]_$[j] * args.scale, seen$[i]_$[j]);
    max$[i] = max(max$[i], max(max(s$[i]_$[j].x, s$[i]_$[j].y), max(s$[i]_$[j].z, s$[i]_$[j].w)));
//# end
//# end
//# for i < RR / 4
    perThread[local.x * $[TY * RR / 4]u + local.y + $[i * TY]u] =
      vec4f(max$[4 * i], max$[4 * i + 1], max$[4 * i + 2], max$[4 * i + 3]);
//# end
    workgroupBarrier();
//# for i < RR / 4
    var row$[i] = vec4f(highest$[4 * i], highest$[4 * i + 1], highest$[4 * i + 2], highest$[4 * i + 3]);
//# for x < TX
    row$[i] = max(row$[i], perThread[$[x * TY * RR / 4]u + local.y + $[i * TY]u]);
//# end
//# end
//# for i < RR
    let shrink$[i] = exp(highest$[i] - row$[i / 4][$[i % 4]]);
    highest$[i] = row$[i / 4][$[i % 4]];
    total$[i] *= shrink$[i];
//# for j < CC / 4
    s$[i]_$[j] = select(vec4f(), exp(s$[i]_$[j] - highest$[i]), seen$[i]_$[j]);
    total$[i] += (s$[i]_$[j].x + s$[i]_$[j].y) + (s$[i]_$[j].z + s$[i]_$[j].w);
//# end
//# for n < (D + 4 * TX - 1) / (4 * TX)
    sum0_$[i]_$[n] *= shrink$[i];
//# end
//# end
    share_weights(local);
    accumulate_0(1u, keys, thread, local);
  }

//# for i < RR / 4
  perThread[local.x * $[TY * RR / 4]u + local.y + $[i * TY]u] =
    vec4f(total$[4 * i], total$[4 * i + 1], total$[4 * i + 2], total$[4 * i + 3]);
//# end
  workgroupBarrier();
//# for i < RR / 4
  var all$[i] = vec4f();
//# for x < TX
  all$[i] += perThread[$[x * TY * RR / 4]u + local.y + $[i * TY]u];
//# end
//# end
//# for i < RR
  let t$[i] = firstQuery + row_of($[i]u, local);
  if (t$[i] < args.T) {
//# for n < (D + 4 * TX - 1) / (4 * TX)
    let value$[i]_$[n] = sum0_$[i]_$[n] / all$[i / 4][$[i % 4]];
    let column$[i]_$[n] = (local.x + $[n * TX]u) * $[4 / WIDTH]u;
    let index$[i]_$[n] = queries.head + t$[i] * args.H * $[D / WIDTH]u + column$[i]_$[n];
//# if WIDTH == 4
    if (column$[i]_$[n] < $[D / 4]u) { out[index$[i]_$[n]] = $PART_NARROW(value$[i]_$[n]); }
//# else
    if (column$[i]_$[n] < $[D / 2]u) { out[index$[i]_$[n]] = value$[i]_$[n].xy; }
    if (column$[i]_$[n] + 1u < $[D / 2]u) { out[index$[i]_$[n] + 1u] = value$[i]_$[n].zw; }
//# end
//# end
//# if !CACHE
    if (local.x == 0u) {
      lse[(b * args.H + h) * args.T + t$[i]] = highest$[i] + log(all$[i / 4][$[i % 4]]);
    }
//# end
  }
//# end
}
