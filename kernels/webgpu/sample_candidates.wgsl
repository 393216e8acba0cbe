// Of each chunk of each row of logits the first tokens, as many as the topK of the row, by index: as
// many first ones of the row are among them. A workgroup per chunk.

@group(0) @binding(1) var<storage, read_write> candidates: array<u32>;
@group(0) @binding(2) var<storage, read> logits: array<f32>;

struct Tokens {
  // Where their logits begin.
  first: u32,
  count: u32,
}

fn logit_at(tokens: Tokens, i: u32) -> f32 {
  return logits[tokens.first + i];
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let before = group.x * args.size;
  let count = min(args.size, args.vocabSize - before);
  let tokens = Tokens(group.y * args.columns + before, count);
  let choice = choice_of(group.y);
  let kept = keep_top(tokens, choice, thread);

  // Each thread takes a run of tokens.
  let run = (count + THREADS - 1u) / THREADS;
  let start = min(thread * run, count);
  let end = min(start + run, count);
  var above = 0u;
  var equal = 0u;
  for (var i = start; i < end; i += 1u) {
    let key = key_of(logit_at(tokens, i));
    if (key > kept.bound) { above += 1u; }
    if (key == kept.bound) { equal += 1u; }
  }
  share(thread, Whole(above, equal));
  let others = shared_before(thread);
  var quota = kept.quota - min(kept.quota, others.y);
  let first = group.y * args.chunks * args.mostTopK + group.x * choice.topK;
  var place = first + others.x + kept.quota - quota;
  for (var i = start; i < end; i += 1u) {
    let key = key_of(logit_at(tokens, i));
    let isEqual = key == kept.bound && quota > 0u;
    if (key > kept.bound || isEqual) {
      candidates[place] = before + i;
      place += 1u;
    }
    quota -= select(0u, 1u, isEqual);
  }
}
