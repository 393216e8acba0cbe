// Causal softmax attention of single queries over caches of keys and values, a workgroup per query
// and head: 64 keys at a time, a thread per key for the scores, then a thread per vec4 of the head
// (and per part of the keys, where there are threads left) for the weighted values.

struct Args {
  T: u32,
  S: u32,
  H: u32,
  Hkv: u32,
  window: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(3) var<storage, read> k: array<vec4f>;
@group(0) @binding(4) var<storage, read> v: array<vec4f>;
@group(0) @binding(5) var<storage, read> positions: array<u32>;

const LOWEST = -1.0e30;

var<workgroup> query: array<vec4f, $[D / 4]>;
var<workgroup> scores: array<f32, 64>;
var<workgroup> eights: array<f32, 8>;
var<workgroup> sums: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = group.x;
  let h = group.y;
  let b = group.z;
  let row = ((b * args.T + t) * args.H + h) * $[D / 4]u;
  if (thread < $[D / 4]u) { query[thread] = q[row + thread] * args.scale; }
  workgroupBarrier();
  let position = positions[b] + t;
  let first = select(position - args.window, 0u, position < args.window);
  let keys = (b * args.S * args.Hkv + h / (args.H / args.Hkv)) * $[D / 4]u;
  let keyRow = args.Hkv * $[D / 4]u;
  let column = thread % $[D / 4]u;
  let part = thread / $[D / 4]u;

  var highest = LOWEST;
  var total = 0.0;
  var sum = vec4f();
  for (var start = first; start <= position; start += 64u) {
    let key = start + thread;
    var score = LOWEST;
    if (key <= position) {
      score = 0.0;
      for (var c = 0u; c < $[D / 4]u; c += 1u) {
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
    sum *= shrink;
    let count = min(64u, position + 1u - start);
    if (part < $[64 / (D / 4)]u) {
      for (var s = part; s < count; s += $[64 / (D / 4)]u) {
        total += scores[s];
        sum += scores[s] * v[keys + (start + s) * keyRow + column];
      }
    }
    workgroupBarrier();
  }

  sums[thread] = sum;
  scores[thread] = total;
  workgroupBarrier();
  if (thread < $[D / 4]u) {
//# for i < 64 / (D / 4) - 1
    sum += sums[thread + $[(i + 1) * (D / 4)]u];
    total += scores[thread + $[(i + 1) * (D / 4)]u];
//# end
    out[row + thread] = sum / total;
  }
}
