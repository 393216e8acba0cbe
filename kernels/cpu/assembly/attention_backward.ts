/**
 * Gradients of attention. An item has one batch row and one key/value head.
 *
 * Probabilities p and the gradients ds of scores are computed again for 16 keys at a time, queries
 * by keys: so both are the left operand, transposed, of the products that give the gradients of
 * values and keys; ds is also stored transposed for that of the queries.
 */
import { multiplyTile } from "./attention_tile";
import { packAcross, packAlong, roundUp, storeTransposed } from "./pack";
import { ARGUMENTS, parallelFrom, workspace } from "./pool";
import { addScaled, dot, exp4, splat } from "./simd";

/** Keys at a time: the columns of a tile. */
const GROUP: i32 = 16;
/** Queries, and keys, of a block: terms that a product sums at once. */
const BLOCK: i32 = 128;
/** Bytes between rows of the transposed ds; not a power of two, for the cache's sake. */
const STRIDE: i32 = 4 * 128 + 64;
const PARALLEL_FROM: i64 = 1 << 16;

@unmanaged
class Arguments {
  dq: usize;
  dk: usize;
  dv: usize;
  delta: usize;
  dout: usize;
  out: usize;
  lse: usize;
  q: usize;
  k: usize;
  v: usize;
  starts: usize;
  time: i32;
  heads: i32;
  kvHeads: i32;
  headSize: i32;
  window: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

// This thread's workspace while it does an item. `Across` are packed for products over the head
// size, `Along` for products over queries or keys.
let p: usize = 0;
let ds: usize = 0;
let dsTransposed: usize = 0;
let lse: usize = 0;
let delta: usize = 0;
/** The first key that each query sees; ascending, and below 0 where it sees all. */
let firstSeen: usize = 0;
/** For each group of keys, the end of the queries that see some of it; ascending. */
let ends: usize = 0;
let queriesAcross: usize = 0;
let queriesAlong: usize = 0;
let doutAcross: usize = 0;
let doutAlong: usize = 0;
let keysAcross: usize = 0;
let keysAlong: usize = 0;
let valuesAcross: usize = 0;
let dq: usize = 0;
let dk: usize = 0;
let dv: usize = 0;
/** Positions and head size as they are padded: multiples of 16. */
let time: i32 = 0;
let width: i32 = 0;

/** Bytes of workspace that {@link attentionBackward} needs. */
export function attentionBackwardWorkspace(time: i32, headSize: i32): u32 {
  const positions = roundUp(time, 16), width = roundUp(headSize, 16);
  const small = 2 * BLOCK * GROUP * 4 + BLOCK * STRIDE + 3 * 4 * positions + 4 * positions / GROUP;
  return <u32> (small + 10 * 4 * positions * width);
}

/** dq, dk, dv = the gradients for dout; `starts` (batch, time) may be null. */
export function attentionBackward(
  dq: usize,
  dk: usize,
  dv: usize,
  delta: usize,
  dout: usize,
  out: usize,
  lse: usize,
  q: usize,
  k: usize,
  v: usize,
  starts: usize,
  batch: i32,
  time: i32,
  heads: i32,
  kvHeads: i32,
  headSize: i32,
  window: i32,
): void {
  args.dq = dq;
  args.dk = dk;
  args.dv = dv;
  args.delta = delta;
  args.dout = dout;
  args.out = out;
  args.lse = lse;
  args.q = q;
  args.k = k;
  args.v = v;
  args.starts = starts;
  args.time = time;
  args.heads = heads;
  args.kvHeads = kvHeads;
  args.headSize = headSize;
  args.window = window;
  const work = <i64> batch * heads * time * headSize * min(time, window + 1);
  parallelFrom(PARALLEL_FROM, work, batch * kvHeads, backwardItem);
}

function backwardItem(item: i32): void {
  const b = item / args.kvHeads, kvHead = item % args.kvHeads;
  layOut();
  findSeen(b);
  const kvStride = <usize> (args.kvHeads * args.headSize) << 2;
  const kvOffset = <usize> (b * args.time) * kvStride + (<usize> (kvHead * args.headSize) << 2);
  const scale = <f32> (1 / sqrt<f64>(args.headSize));
  packPanelsAcross(keysAcross, 16, args.k + kvOffset, kvStride, 1);
  packPanelsAcross(valuesAcross, 16, args.v + kvOffset, kvStride, 1);
  packPanelsAlong(keysAlong, args.k + kvOffset, kvStride, scale);
  const bytes = <usize> (time * width) << 2;
  memory.fill(dk, 0, bytes);
  memory.fill(dv, 0, bytes);
  const group = args.heads / args.kvHeads;
  for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
    const stride = <usize> (args.heads * args.headSize) << 2;
    const offset = <usize> (b * args.time) * stride + (<usize> (head * args.headSize) << 2);
    packPanelsAcross(queriesAcross, 8, args.q + offset, stride, scale);
    packPanelsAcross(doutAcross, 8, args.dout + offset, stride, 1);
    packPanelsAlong(queriesAlong, args.q + offset, stride, scale);
    packPanelsAlong(doutAlong, args.dout + offset, stride, 1);
    loadRowSums(b, head, offset, stride);
    memory.fill(dq, 0, bytes);
    for (let key = 0; key < args.time; key += BLOCK) {
      const end = endOf(min(time, key + BLOCK) - GROUP);
      for (let query = key; query < end; query += BLOCK) block(query, key);
    }
    storeRows(args.dq + offset, stride, dq);
  }
  storeRows(args.dk + kvOffset, kvStride, dk);
  storeRows(args.dv + kvOffset, kvStride, dv);
}

function layOut(): void {
  time = roundUp(args.time, 16);
  width = roundUp(args.headSize, 16);
  const bytes = <usize> (time * width) << 2;
  p = workspace();
  ds = p + BLOCK * GROUP * 4;
  dsTransposed = ds + BLOCK * GROUP * 4;
  lse = dsTransposed + BLOCK * STRIDE;
  delta = lse + (<usize> time << 2);
  firstSeen = delta + (<usize> time << 2);
  queriesAcross = firstSeen + (<usize> time << 2);
  queriesAlong = queriesAcross + bytes;
  doutAcross = queriesAlong + bytes;
  doutAlong = doutAcross + bytes;
  keysAcross = doutAlong + bytes;
  keysAlong = keysAcross + bytes;
  valuesAcross = keysAlong + bytes;
  dq = valuesAcross + bytes;
  dk = dq + bytes;
  dv = dk + bytes;
  ends = dv + bytes;
}

/** Which keys each query of a batch row sees, and the other way round. */
function findSeen(b: i32): void {
  const starts = args.starts + (<usize> (b * args.time) << 2);
  for (let t = 0; t < time; t++) {
    let first = t - args.window;
    if (args.starts) first = max(first, load<i32>(starts + (<usize> min(t, args.time - 1) << 2)));
    store<i32>(firstSeen + (<usize> t << 2), first);
  }
  let end = 0;
  for (let s = 0; s < time; s += GROUP) {
    while (end < time && firstOf(end) < s + GROUP) end++;
    store<i32>(ends + (<usize> (s / GROUP) << 2), end);
  }
}

/** See {@link firstSeen}. */
@inline
function firstOf(t: i32): i32 {
  return load<i32>(firstSeen + (<usize> t << 2));
}

/** See {@link ends}, for the group from key s on. */
@inline
function endOf(s: i32): i32 {
  return load<i32>(ends + (<usize> (s / GROUP) << 2));
}

/** Panels of `panel` positions; terms are the head's elements. */
function packPanelsAcross(out: usize, panel: i32, rows: usize, stride: usize, scale: f32): void {
  const depth = roundUp(args.headSize, 2);
  for (let t = 0; t < time; t += panel) {
    const to = out + (<usize> (t * width) << 2);
    const from = rows + <usize> t * stride;
    packAcross<f32>(to, panel, from, stride, args.time - t, args.headSize, depth, scale);
  }
}

/** Panels of 16 of the head's elements; terms are positions. */
function packPanelsAlong(out: usize, rows: usize, stride: usize, scale: f32): void {
  packAlong(out, 16, <usize> time << 6, rows, stride, args.headSize, args.time, time, scale);
}

/** delta = Σ dout · out of each query; the workspace gets it and lse, with zeros as padding. */
function loadRowSums(b: i32, head: i32, offset: usize, stride: usize): void {
  const place = <usize> ((b * args.heads + head) * args.time) << 2;
  memory.fill(lse, 0, <usize> time << 3);
  for (let t: usize = 0; t < <usize> args.time; t++) {
    const at = offset + t * stride;
    const sum = <f32> dot(args.dout + at, args.out + at, args.headSize);
    store<f32>(args.delta + place + (t << 2), sum);
    store<f32>(delta + (t << 2), sum);
    store<f32>(lse + (t << 2), load<f32>(args.lse + place + (t << 2)));
  }
}

function storeRows(out: usize, stride: usize, source: usize): void {
  const bytes = <usize> args.headSize << 2;
  for (let t: usize = 0; t < <usize> args.time; t++) {
    memory.copy(out + t * stride, source + (t * <usize> width << 2), bytes);
  }
}

/** A block of queries with a block of keys. */
function block(query: i32, key: i32): void {
  const endQuery = min(time, query + BLOCK), endKey = min(time, key + BLOCK);
  for (let s = key; s < endKey; s += GROUP) {
    const low = max(query, s);
    const high = min(endQuery, roundUp(endOf(s), 8));
    if (low >= high) continue;
    for (let t = low; t < high; t += 8) scoreTile(t, s, t - low, s - key, t - query);
    addKeyGradients(dv, doutAlong, p, s, low, high);
    addKeyGradients(dk, queriesAlong, ds, s, low, high);
  }
  for (let t = query; t < endQuery; t += 8) addQueryGradients(t, query, key, endKey);
}

/**
 * p and ds of 8 queries from t on and 16 keys from s on, as `row` of the scratch; ds also
 * transposed, at `column` of the block's row `key`.
 */
function scoreTile(t: i32, s: i32, row: i32, key: i32, column: i32): void {
  const depth = roundUp(args.headSize, 2);
  const pTile = p + (<usize> row << 6), dsTile = ds + (<usize> row << 6);
  const queryPanel = <usize> (t * width) << 2, keyPanel = <usize> (s * width) << 2;
  multiplyTile(queriesAcross + queryPanel, 32, keysAcross + keyPanel, 64, depth, 0, 0, pTile, 64);
  multiplyTile(doutAcross + queryPanel, 32, valuesAcross + keyPanel, 64, depth, 0, 0, dsTile, 64);
  const masks = s + GROUP - 1 > t || s < firstOf(t + 7);
  for (let i = 0; i < 8; i++) {
    const at = <usize> i << 6, number = <usize> (t + i) << 2;
    const logSum = splat(load<f32>(lse + number)), mean = splat(load<f32>(delta + number));
    const first = i32x4.splat(firstOf(t + i)), last = i32x4.splat(t + i);
    for (let j = 0; j < GROUP; j += 4) {
      const lanes = <usize> j << 2;
      let probability = exp4(f32x4.sub(v128.load(pTile + at + lanes), logSum));
      if (masks) {
        const k = i32x4.add(i32x4.splat(s + j), i32x4(0, 1, 2, 3));
        const seen = v128.and(i32x4.ge_s(k, first), i32x4.le_s(k, last));
        probability = v128.and(probability, seen);
      }
      const gradient = f32x4.sub(v128.load(dsTile + at + lanes), mean);
      v128.store(pTile + at + lanes, probability);
      v128.store(dsTile + at + lanes, f32x4.mul(probability, gradient));
    }
  }
  for (let i = 0; i < 8; i += 4) {
    for (let j = 0; j < GROUP; j += 4) {
      const from = dsTile + (<usize> i << 6) + (<usize> j << 2);
      const to = dsTransposed + <usize> ((key + j) * STRIDE) + (<usize> (column + i) << 2);
      storeTransposed(
        to,
        STRIDE,
        v128.load(from),
        v128.load(from, 64),
        v128.load(from, 128),
        v128.load(from, 192),
      );
    }
  }
}

/** out[16 keys] += weightsᵀ · rows, over the queries low … high−1. */
function addKeyGradients(
  out: usize,
  rows: usize,
  weights: usize,
  s: i32,
  low: i32,
  high: i32,
): void {
  const stride = <usize> width << 2;
  for (let j = 0; j < args.headSize; j += 16) {
    const panel = rows + (<usize> (j * time) << 2) + (<usize> low << 6);
    let to = out + <usize> s * stride + (<usize> j << 2);
    for (let half: usize = 0; half < 64; half += 32) {
      multiplyTile(weights + half, 64, panel, 64, high - low, to, stride, to, stride);
      to += 8 * stride;
    }
  }
}

/** dq[8 queries from t on] += ds · keys, over the block's keys that they see. */
function addQueryGradients(t: i32, query: i32, key: i32, endKey: i32): void {
  const low = max(key, firstOf(t) & ~15);
  const high = min(endKey, ((t + 7) & ~15) + GROUP);
  if (low >= high) return;
  const stride = <usize> width << 2;
  const left = dsTransposed + <usize> ((low - key) * STRIDE) + (<usize> (t - query) << 2);
  for (let j = 0; j < args.headSize; j += 16) {
    const panel = keysAlong + (<usize> (j * time) << 2) + (<usize> low << 6);
    const to = dq + <usize> t * stride + (<usize> j << 2);
    multiplyTile(left, STRIDE, panel, 64, high - low, to, stride, to, stride);
  }
}
