// The order of tokens by their logits, for kernels of 256 threads that find the first of it; see
// Operations.sample. The kernel says how it reaches them: struct Tokens with their `count`, and
// `fn logit_at(tokens: Tokens, i: u32) -> f32`.
//
// Order is kept on keys: unsigned integers that sort as the logits do. Each filter keeps the keys
// above a bound and, of the tokens equal to it, the first few. A bound is found in four digits of 8
// bits, the highest first: of the keys that begin as it does, those with each next digit are counted
// (topK) or weighed (topP). Weights are added as whole numbers, since those have the same sum in any
// order.

struct Args {
  // Numbers in a row of logits, and how many of them count.
  columns: u32,
  vocabSize: u32,
  // Tokens of a chunk, and chunks of a row; 0 where rows are not cut.
  size: u32,
  chunks: u32,
  // The largest topK of the rows, where they are cut.
  mostTopK: u32,
}

@group(0) @binding(0) var<uniform> args: Args;
// Temperature, topK, topP and minP of each row.
@group(0) @binding(5) var<storage, read> choices: array<vec4f>;

struct Choice {
  temperature: f32,
  topK: u32,
  topP: f32,
  minP: f32,
}

fn choice_of(row: u32) -> Choice {
  let own = choices[row];
  return Choice(own.x, select(u32(own.y), 1u, own.x == 0.0), own.z, own.w);
}

const THREADS = 256u;

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

fn weight_of(logit: f32, highest: f32, temperature: f32) -> f32 {
  return exp((logit - highest) / temperature);
}

// Whole numbers of 64 bits: the lower and the upper half. Weights are given in units of 2⁻⁴⁰.
alias Whole = vec2u;

fn whole_of(weight: f32) -> Whole {
  let scaled = weight * 0x1p8;
  return Whole(u32(fract(scaled) * 0x1p32), u32(scaled));
}

fn weight_in(whole: Whole) -> f32 {
  return f32(whole.y) * 0x1p-8 + f32(whole.x) * 0x1p-40;
}

fn plus(a: Whole, b: Whole) -> Whole {
  let low = a.x + b.x;
  return Whole(low, a.y + b.y + select(0u, 1u, low < b.x));
}

// For n below 2¹⁶.
fn times(a: Whole, n: u32) -> Whole {
  let middle = (a.x >> 16u) * n;
  return plus(Whole((a.x & 0xffffu) * n, a.y * n), Whole(middle << 16u, middle >> 16u));
}

fn at_least(a: Whole, b: Whole) -> bool {
  return a.y > b.y || (a.y == b.y && a.x >= b.x);
}

// A number of each thread, and after those the sums of 16 neighbours each.
var<workgroup> numbers: array<Whole, 272>;

fn share(thread: u32, number: Whole) {
  workgroupBarrier();
  numbers[thread] = number;
  workgroupBarrier();
  if (thread < 16u) {
    var sum = Whole();
    for (var i = 0u; i < 16u; i += 1u) { sum = plus(sum, numbers[thread * 16u + i]); }
    numbers[256u + thread] = sum;
  }
  workgroupBarrier();
}

// The sum of all shared numbers, and of those of the threads before one.
fn shared_sum() -> Whole {
  var sum = Whole();
  for (var i = 256u; i < 272u; i += 1u) { sum = plus(sum, numbers[i]); }
  return sum;
}

fn shared_before(thread: u32) -> Whole {
  var sum = Whole();
  for (var i = 256u; i < 256u + thread / 16u; i += 1u) { sum = plus(sum, numbers[i]); }
  for (var i = thread / 16u * 16u; i < thread; i += 1u) { sum = plus(sum, numbers[i]); }
  return sum;
}

// Of 16 shared numbers the first, from the highest down, with which `above` comes to the goal: its
// place, and the sum before it. Where rounding keeps the goal out of reach, the last that is not 0.
struct Step {
  place: u32,
  above: Whole,
}

fn step_down(first: u32, above: Whole, goal: Whole) -> Step {
  var step = Step(0u, above);
  var sum = above;
  var searching = true;
  for (var place = 16u; place > 0u; place -= 1u) {
    let own = numbers[first + place - 1u];
    if (searching && any(own > Whole())) {
      step = Step(place - 1u, sum);
      sum = plus(sum, own);
      searching = !at_least(sum, goal);
    }
  }
  return step;
}

// The tokens kept: those with keys above `bound`, and the first `quota` of those equal to it.
struct Kept {
  bound: u32,
  quota: u32,
}

// The highest bound from which on the kept keys come to the goal, and the sum above it. The goal is
// topK tokens or, where they are weighed, the share topP of all weights.
struct Found {
  bound: u32,
  above: Whole,
  goal: Whole,
}

// The sum of each digit's keys.
var<workgroup> lower: array<atomic<u32>, 256>;
var<workgroup> upper: array<atomic<u32>, 256>;

// What thread 0 found.
var<workgroup> foundByFirst: Found;

fn add_to_digit(digit: u32, value: Whole) {
  let low = atomicAdd(&lower[digit], value.x) + value.x;
  let high = value.y + select(0u, 1u, low < value.x);
  if (high > 0u) { atomicAdd(&upper[digit], high); }
}

fn find_bound(
  tokens: Tokens,
  choice: Choice,
  thread: u32,
  kept: Kept,
  highest: f32,
  weighed: bool,
) -> Found {
  var found = Found(0u, Whole(), Whole(choice.topK, 0u));
  for (var shift = 32u; shift > 0u;) {
    shift -= 8u;
    atomicStore(&lower[thread], 0u);
    atomicStore(&upper[thread], 0u);
    workgroupBarrier();
    let prefix = (found.bound >> shift) >> 8u;
    for (var i = thread; i < tokens.count; i += THREADS) {
      let logit = logit_at(tokens, i);
      let key = key_of(logit);
      if (key > kept.bound && ((key >> shift) >> 8u) == prefix) {
        var value = Whole(1u, 0u);
        if (weighed) { value = whole_of(weight_of(logit, highest, choice.temperature)); }
        add_to_digit((key >> shift) & 255u, value);
      }
    }
    // Equal keys have equal weights.
    if (thread == 0u && kept.bound > 0u && ((kept.bound >> shift) >> 8u) == prefix) {
      let each = weight_of(logit_of(kept.bound), highest, choice.temperature);
      add_to_digit((kept.bound >> shift) & 255u, whole_of(f32(kept.quota) * each));
    }
    workgroupBarrier();
    share(thread, Whole(atomicLoad(&lower[thread]), atomicLoad(&upper[thread])));
    if (thread == 0u) {
      if (weighed && shift == 24u) { found.goal = whole_of(choice.topP * weight_in(shared_sum())); }
      let sixteen = step_down(256u, found.above, found.goal);
      let digit = step_down(sixteen.place * 16u, sixteen.above, found.goal);
      found.bound |= (sixteen.place * 16u + digit.place) << shift;
      found.above = digit.above;
      foundByFirst = found;
    }
    workgroupBarrier();
    found = foundByFirst;
  }
  return found;
}

fn keep_top(tokens: Tokens, choice: Choice, thread: u32) -> Kept {
  let found = find_bound(tokens, choice, thread, Kept(0u, 0u), 0.0, false);
  return Kept(found.bound, choice.topK - found.above.x);
}

