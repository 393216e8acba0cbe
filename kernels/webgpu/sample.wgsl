// Draws a token for each row of logits, a workgroup per row, from all its tokens or, where
// CANDIDATES, from those of each of its chunks that sample_candidates found.

@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> uniforms: array<f32>;
//# if CANDIDATES
@group(0) @binding(4) var<storage, read> candidates: array<u32>;
//# end

struct Tokens {
  row: u32,
  count: u32,
}

fn token_at(tokens: Tokens, i: u32) -> u32 {
//# if CANDIDATES
  return candidates[tokens.row * args.chunks * args.mostTopK + i];
//# else
  return i;
//# end
}

fn logit_at(tokens: Tokens, i: u32) -> f32 {
  return logits[tokens.row * args.columns + token_at(tokens, i)];
}

// -1 as the host reads it.
const NOT_NUMBERS = 0xffffffffu;

// The highest key, and how many tokens the first of its own and those after it are.
var<workgroup> highestKey: atomic<u32>;
var<workgroup> fromFirst: atomic<u32>;

fn find_highest(tokens: Tokens, thread: u32) -> vec2u {
  var best = vec2u();
  for (var i = thread; i < tokens.count; i += THREADS) {
    let key = key_of(logit_at(tokens, i));
    if (key > best.x) { best = vec2u(key, tokens.count - i); }
  }
  atomicMax(&highestKey, best.x);
  workgroupBarrier();
  let highest = atomicLoad(&highestKey);
  if (best.x == highest) { atomicMax(&fromFirst, best.y); }
  workgroupBarrier();
  return vec2u(highest, tokens.count - atomicLoad(&fromFirst));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let choice = choice_of(row);
//# if CANDIDATES
  let tokens = Tokens(row, args.chunks * choice.topK);
//# else
  let tokens = Tokens(row, args.vocabSize);
//# end
  let best = find_highest(tokens, thread);
  let isDistribution = best.x > LOWEST && best.x < INFINITE;
  if (thread == 0u) { out[row] = select(NOT_NUMBERS, token_at(tokens, best.y), isDistribution); }
  if (choice.temperature == 0.0) { return; }
  // Before a thread that chooses another token.
  storageBarrier();
  let highest = logit_of(best.x);

  var kept = Kept(0u, 0u);
  if (choice.topK > 0u && choice.topK < tokens.count) { kept = keep_top(tokens, choice, thread); }
  if (choice.topP < 1.0) {
    let found = find_bound(tokens, choice, thread, kept, highest, true);
    let missing = weight_in(found.goal) - weight_in(found.above);
    let each = weight_of(logit_of(found.bound), highest, choice.temperature);
    let wanted = max(1u, u32(ceil(missing / each)));
    kept = Kept(found.bound, select(wanted, min(wanted, kept.quota), found.bound == kept.bound));
  }

  // Each thread takes a run of tokens: the weight it keeps above the bound, and how many equal it.
  let run = (tokens.count + THREADS - 1u) / THREADS;
  let start = min(thread * run, tokens.count);
  let end = min(start + run, tokens.count);
  var mass = Whole();
  var equal = 0u;
  for (var i = start; i < end; i += 1u) {
    let logit = logit_at(tokens, i);
    let key = key_of(logit);
    let weight = weight_of(logit, highest, choice.temperature);
    if (key > kept.bound && weight >= choice.minP) { mass = plus(mass, whole_of(weight)); }
    if (key == kept.bound) { equal += 1u; }
  }
  share(thread, Whole(equal, 0u));
  let quota = kept.quota - min(kept.quota, shared_before(thread).x);
  let each = weight_of(logit_of(kept.bound), highest, choice.temperature);
  if (equal > 0u && each >= choice.minP) {
    mass = plus(mass, times(whole_of(each), min(quota, equal)));
  }
  share(thread, mass);
  let before = shared_before(thread);
  let all = shared_sum();
  var threshold = whole_of(uniforms[row] * weight_in(all));
  // Rounding may leave the threshold beyond all.
  if (at_least(threshold, all)) { threshold = plus(all, Whole(0xffffffffu, 0xffffffffu)); }

  if (isDistribution && at_least(threshold, before) && !at_least(threshold, plus(before, mass))) {
    var cumulative = before;
    var left = quota;
    for (var i = start; i < end && at_least(threshold, cumulative); i += 1u) {
      let logit = logit_at(tokens, i);
      let key = key_of(logit);
      let weight = weight_of(logit, highest, choice.temperature);
      let isEqual = key == kept.bound && left > 0u;
      if ((key > kept.bound || isEqual) && weight >= choice.minP) {
        cumulative = plus(cumulative, whole_of(weight));
        out[row] = token_at(tokens, i);
      }
      left -= select(0u, 1u, isEqual);
    }
  }
}
