// Causal softmax attention of single queries over caches of keys and values, a workgroup per query
// and head: 64 keys at a time, a thread per key for the scores, then a thread for some of the COLUMNS
// parts of the head (and one of SHARES shares of the keys, where there are threads left) for the
// weighted values.

struct Args {
  T: u32,
  S: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<Part>;
@group(0) @binding(2) var<storage, read> q: array<Part>;
@group(0) @binding(3) var<storage, read> k: array<Part>;
@group(0) @binding(4) var<storage, read> v: array<Part>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;

const LOWEST = -1.0e30;

// Numbers of a head as they lie in tensors: four, or two where heads are no multiple of four.
alias Part = vec$[WIDTH]f;

var<workgroup> query: array<Part, $[COLUMNS]>;
var<workgroup> scores: array<f32, 64>;
var<workgroup> eights: array<f32, 8>;
var<workgroup> sums: array<Part, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = group.x;
  let h = group.y;
  let b = group.z;
  let row = ((b * args.T + t) * args.H + h) * $[COLUMNS]u;
  for (var c = thread; c < $[COLUMNS]u; c += 64u) { query[c] = q[row + c] * args.scale; }
  workgroupBarrier();
  let position = positions[b] + t;
  let first = select(position - args.window, 0u, position < args.window);
  let keys = (b * args.S * args.Hkv + h / (args.H / args.Hkv)) * $[COLUMNS]u;
  let keyRow = args.Hkv * $[COLUMNS]u;
  let column = thread % $[COLUMNS]u;
  let share = thread / $[COLUMNS]u;

  var highest = LOWEST;
  var total = 0.0;
//# for n < (COLUMNS + 63) / 64
  var sum$[n] = Part();
//# end
  for (var start = first; start <= position; start += 64u) {
    let key = start + thread;
    var score = LOWEST;
    if (key <= position) {
      score = 0.0;
      for (var c = 0u; c < $[COLUMNS]u; c += 1u) {
        score += dot(query[c], k[keys + key * keyRow + c]);
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
    scores[thread] = select(0.0, exp(score - most), key <= position);
    workgroupBarrier();
    total *= shrink;
//# for n < (COLUMNS + 63) / 64
    sum$[n] *= shrink;
//# end
    let count = min(64u, position + 1u - start);
    if (share < $[SHARES]u) {
      for (var s = share; s < count; s += $[SHARES]u) {
        let value = keys + (start + s) * keyRow + column;
        total += scores[s];
//# for n < (COLUMNS + 63) / 64
        // Beyond the head's end it is not used.
        sum$[n] += scores[s] * v[value + $[64 * n]u];
//# end
      }
    }
    workgroupBarrier();
  }

  sums[thread] = sum0;
  scores[thread] = total;
  workgroupBarrier();
//# for i < SHARES - 1
  if (thread < $[COLUMNS]u) {
    sum0 += sums[thread + $[(i + 1) * COLUMNS]u];
    total += scores[thread + $[(i + 1) * COLUMNS]u];
  }
//# end
//# for n < (COLUMNS + 63) / 64
  if (thread + $[64 * n]u < $[COLUMNS]u) { out[row + thread + $[64 * n]u] = sum$[n] / total; }
//# end
}
