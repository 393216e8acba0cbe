// Draws a token for each row of logits, a workgroup per row; see Operations.sample.
//
// Order is kept on keys: unsigned integers that sort as the logits do. Each filter keeps the keys
// above a bound and, of the tokens equal to it, the first few. A bound is found bit by bit, from
// counts (topK) or masses (topP) of the keys from a candidate on.

struct Args {
  columns: u32,
  vocabSize: u32,
  temperature: f32,
  topK: u32,
  topP: f32,
  minP: f32,
}

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> uniforms: array<f32>;

const THREADS = 256u;

// -1 as the host reads it.
const NOT_NUMBERS = 0xffffffffu;

// Of each thread, or of the tokens of each thread.
var<workgroup> masses: array<f32, 256>;
var<workgroup> counts: array<u32, 256>;
var<workgroup> choice: u32;

// The key of −∞, that of +∞, and that of every NaN.
const LOWEST = 0x007fffffu;
const INFINITE = 0xff800000u;
const NAN = 0xffffffffu;

fn key_of(logit: f32) -> u32 {
  var bits = bitcast<u32>(logit);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return NAN; }
  if (bits == 0x80000000u) { bits = 0u; }
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

fn logit_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u));
}

struct Measure {
  count: u32,
  mass: f32,
}

// Adds up a value of each thread, in fixed order.
fn measure_all(thread: u32, count: u32, mass: f32) -> Measure {
  counts[thread] = count;
  masses[thread] = mass;
  workgroupBarrier();
  if (thread < 16u) {
    var sum = Measure(0u, 0.0);
    for (var i = 0u; i < 16u; i += 1u) {
      sum.count += counts[thread * 16u + i];
      sum.mass += masses[thread * 16u + i];
    }
    counts[thread * 16u] = sum.count;
    masses[thread * 16u] = sum.mass;
  }
  workgroupBarrier();
  var sum = Measure(0u, 0.0);
  for (var i = 0u; i < 16u; i += 1u) {
    sum.count += counts[i * 16u];
    sum.mass += masses[i * 16u];
  }
  workgroupBarrier();
  return sum;
}

// The highest key and, of its tokens, the first.
fn find_highest(first: u32, thread: u32) -> vec2u {
  var best = vec2u(0u, args.vocabSize);
  for (var i = thread; i < args.vocabSize; i += THREADS) {
    let key = key_of(logits[first + i]);
    if (key > best.x || best.y == args.vocabSize) { best = vec2u(key, i); }
  }
  counts[thread] = best.x;
  workgroupBarrier();
  var highest = 0u;
  for (var i = 0u; i < THREADS; i += 1u) { highest = max(highest, counts[i]); }
  workgroupBarrier();
  counts[thread] = select(args.vocabSize, best.y, best.x == highest);
  workgroupBarrier();
  var token = args.vocabSize;
  for (var i = 0u; i < THREADS; i += 1u) { token = min(token, counts[i]); }
  workgroupBarrier();
  return vec2u(highest, token);
}

// Count and mass of the tokens with keys from `bound` on.
fn measure_from(first: u32, thread: u32, bound: u32, highest: f32) -> Measure {
  var count = 0u;
  var mass = 0.0;
  for (var i = thread; i < args.vocabSize; i += THREADS) {
    let logit = logits[first + i];
    if (key_of(logit) >= bound) {
      count += 1u;
      mass += exp((logit - highest) / args.temperature);
    }
  }
  return measure_all(thread, count, mass);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let first = row * args.columns;
  let best = find_highest(first, thread);
  let isDistribution = best.x > LOWEST && best.x < INFINITE;
  if (args.temperature == 0.0) {
    if (thread == 0u) { out[row] = select(NOT_NUMBERS, best.y, isDistribution); }
    return;
  }
  let highest = logit_of(best.x);

  // Kept are keys above `bound`, and the first `quota` tokens of those equal to it.
  var bound = 0u;
  var quota = args.vocabSize;
  if (args.topK > 0u && args.topK < args.vocabSize) {
    for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
      let candidate = bound | bit;
      if (measure_from(first, thread, candidate, highest).count >= args.topK) { bound = candidate; }
    }
    quota = args.topK - measure_from(first, thread, bound + 1u, highest).count;
  }
  if (args.topP < 1.0) {
    let above = measure_from(first, thread, bound + 1u, highest).mass;
    var all = above;
    if (quota < args.vocabSize) {
      all += f32(quota) * exp((logit_of(bound) - highest) / args.temperature);
    }
    let needed = args.topP * all;
    var narrowed = 0u;
    for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
      let candidate = narrowed | bit;
      // Measured in any case: all threads of the workgroup must come to its barriers.
      let mass = measure_from(first, thread, candidate, highest).mass;
      let enough = candidate <= bound || mass >= needed;
      if (candidate <= best.x && enough) { narrowed = candidate; }
    }
    let missing = needed - measure_from(first, thread, narrowed + 1u, highest).mass;
    let each = exp((logit_of(narrowed) - highest) / args.temperature);
    let wanted = max(1u, u32(ceil(missing / each)));
    quota = select(wanted, min(wanted, quota), narrowed == bound);
    bound = narrowed;
  }

  // Each thread takes a run of tokens: how many equal the bound before its own, then masses.
  let run = (args.vocabSize + THREADS - 1u) / THREADS;
  let start = min(thread * run, args.vocabSize);
  let end = min(start + run, args.vocabSize);
  var equal = 0u;
  for (var i = start; i < end; i += 1u) {
    if (key_of(logits[first + i]) == bound) { equal += 1u; }
  }
  counts[thread] = equal;
  workgroupBarrier();
  var equalBefore = 0u;
  for (var i = 0u; i < thread; i += 1u) { equalBefore += counts[i]; }

  var mass = 0.0;
  var last = args.vocabSize;
  var seen = equalBefore;
  for (var i = start; i < end; i += 1u) {
    let logit = logits[first + i];
    let key = key_of(logit);
    let weight = exp((logit - highest) / args.temperature);
    if ((key > bound || (key == bound && seen < quota)) && weight >= args.minP) {
      mass += weight;
      last = i;
    }
    if (key == bound) { seen += 1u; }
  }
  workgroupBarrier();
  masses[thread] = mass;
  counts[thread] = last;
  if (thread == 0u) { choice = args.vocabSize; }
  workgroupBarrier();
  var before = 0.0;
  for (var i = 0u; i < thread; i += 1u) { before += masses[i]; }
  var all = before;
  for (var i = thread; i < THREADS; i += 1u) { all += masses[i]; }
  // Every thread adds the masses up in the same order, so exactly one holds the threshold.
  let threshold = uniforms[row] * all;
  if (before <= threshold && before + mass > threshold) {
    var cumulative = before;
    var token = last;
    seen = equalBefore;
    for (var i = start; i < end; i += 1u) {
      let logit = logits[first + i];
      let key = key_of(logit);
      let weight = exp((logit - highest) / args.temperature);
      if ((key > bound || (key == bound && seen < quota)) && weight >= args.minP) {
        cumulative += weight;
        if (cumulative > threshold) {
          token = i;
          break;
        }
      }
      if (key == bound) { seen += 1u; }
    }
    choice = token;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var token = choice;
    // Rounding may leave the threshold beyond all: then the last token that was kept.
    for (var i = 0u; i < THREADS && choice == args.vocabSize; i += 1u) {
      if (counts[i] < args.vocabSize) { token = counts[i]; }
    }
    out[row] = select(NOT_NUMBERS, token, isDistribution);
  }
}
