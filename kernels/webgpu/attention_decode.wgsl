// Causal softmax attention of single queries over caches of keys and values in pages. A workgroup has a
// query, a head and one of some parts of the keys, a page at a time: a thread per key for the scores,
// then a thread for some of the COLUMNS elements of the head (and one of SHARES shares of the keys,
// where there are threads left) for the weighted values. IN_PARTS: attention_decode_combine adds the
// parts up.

struct Args {
  T: u32,
  // Pages of a sequence.
  N: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
  // How many parts of the keys there are for a query, and the keys of each: whole pages.
  parts: u32,
  keys: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
//# if IN_PARTS
// Of each query, head and part: the sums, the total of their weights, and the highest score.
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
//# else
@group(0) @binding(1) var<storage, read_write> out: array<$PART>;
//# end
@group(0) @binding(2) var<storage, read> q: array<$PART>;
@group(0) @binding(3) var<storage, read> k: array<$PART>;
@group(0) @binding(4) var<storage, read> v: array<$PART>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;
@group(0) @binding(6) var<storage, read> pages: array<u32>;

const LOWEST = -1.0e30;

var<workgroup> query: array<Element, $[COLUMNS]>;
var<workgroup> scores: array<f32, $PAGE_ROWS>;
var<workgroup> eights: array<f32, 8>;
var<workgroup> sums: array<Element, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = group.x / args.parts;
  let part = group.x % args.parts;
  let h = group.y;
  let b = group.z;
  let row = ((b * args.T + t) * args.H + h) * $[COLUMNS]u;
  for (var c = thread; c < $[COLUMNS]u; c += 64u) { query[c] = args.scale * $PART_WIDEN(q[row + c]); }
  workgroupBarrier();
  let position = positions[b] + t;
  let seen = select(position - args.window, 0u, position < args.window);
  // Parts begin at the same keys for every query, so that rounding is the same whatever else there is.
  let begin = (seen / args.keys + part) * args.keys;
  let first = max(seen, begin);
  let last = min(position, begin + args.keys - 1u);
  let keyRow = args.Hkv * $[COLUMNS]u;
  let keyHead = h / (args.H / args.Hkv) * $[COLUMNS]u;
  let column = thread % $[COLUMNS]u;
  let share = thread / $[COLUMNS]u;

  var highest = LOWEST;
  var weight = 0.0;
//# for n < (COLUMNS + 63) / 64
  var sum$[n] = Element();
//# end
  for (var start = first / $[PAGE_ROWS]u * $[PAGE_ROWS]u; start <= last; start += $[PAGE_ROWS]u) {
    let firstRow = pages[b * args.N + start / $[PAGE_ROWS]u] * $[PAGE_ROWS]u;
    let key = start + thread;
    let isSeen = first <= key && key <= last;
    var score = LOWEST;
    if (isSeen) {
      score = 0.0;
      for (var c = 0u; c < $[COLUMNS]u; c += 1u) {
        score += total(query[c] * $PART_WIDEN(k[keyHead + (firstRow + thread) * keyRow + c]));
      }
    }
    scores[thread] = score;
    workgroupBarrier();
    if (thread < 8u) {
      var most = scores[thread * 8u];
//# for i < 7
      most = max(most, scores[thread * 8u + $[i + 1]u]);
//# end
      eights[thread] = most;
    }
    workgroupBarrier();
    var most = highest;
//# for i < 8
    most = max(most, eights[$i]);
//# end
    let shrink = exp(highest - most);
    highest = most;
    scores[thread] = select(0.0, exp(score - most), isSeen);
    workgroupBarrier();
    weight *= shrink;
//# for n < (COLUMNS + 63) / 64
    sum$[n] *= shrink;
//# end
    let end = min($[PAGE_ROWS]u, last + 1u - start);
    if (share < $[SHARES]u) {
      for (var s = max(first, start) - start + share; s < end; s += $[SHARES]u) {
        let value = keyHead + (firstRow + s) * keyRow + column;
        weight += scores[s];
//# for n < (COLUMNS + 63) / 64
        // Beyond the head's end it is not used.
        sum$[n] += scores[s] * $PART_WIDEN(v[value + $[64 * n]u]);
//# end
      }
    }
    workgroupBarrier();
  }

  sums[thread] = sum0;
  scores[thread] = weight;
  workgroupBarrier();
//# for i < SHARES - 1
  if (thread < $[COLUMNS]u) {
    sum0 += sums[thread + $[(i + 1) * COLUMNS]u];
    weight += scores[thread + $[(i + 1) * COLUMNS]u];
  }
//# end
//# if IN_PARTS
  let to = (row / $[COLUMNS]u * args.parts + part) * $[D + 2]u;
//# for n < (COLUMNS + 63) / 64
  if (thread + $[64 * n]u < $[COLUMNS]u) {
//# if WIDTH == 4
//# for e < 4
    partials[to + (thread + $[64 * n]u) * 4u + $[e]u] = sum$[n][$e];
//# end
//# else
    partials[to + thread + $[64 * n]u] = sum$[n];
//# end
  }
//# end
  if (thread == 0u) {
    partials[to + $[D]u] = weight;
    partials[to + $[D + 1]u] = highest;
  }
//# else
//# for n < (COLUMNS + 63) / 64
  if (thread + $[64 * n]u < $[COLUMNS]u) {
    out[row + thread + $[64 * n]u] = $PART_NARROW(sum$[n] / weight);
  }
//# end
//# end
}
