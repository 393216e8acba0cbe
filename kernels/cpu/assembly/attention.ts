/**
 * Causal attention with a window, in tiles with an online softmax (Dao et al., FlashAttention-2).
 *
 * An item has one batch row, one key/value head and a chunk of queries. It packs the keys and
 * values they can see, then takes 16 queries at a time. Scores are computed transposed, keys by
 * queries: so the softmax runs down the lanes, and the probabilities are already what the second
 * product wants for its left operand.
 */
import { multiplyTile } from "./attention_tile";
import { packAcross, packAlong, roundUp } from "./pack";
import { endOfPage, PAGE_ROWS, rowInPages } from "./pages";
import { ARGUMENTS, parallelFrom, threadCount, workspace } from "./pool";
import { addScaled, exp4, fma, log1, splat } from "./simd";

/** Queries at a time: the columns of a tile. */
const QUERIES: i32 = 16;
/** Keys between two rescalings. */
const KEYS: i32 = 128;
/** Queries of a chunk are a multiple of this. */
const CHUNK: i32 = 64;
const PARALLEL_FROM: i64 = 1 << 16;
/** Score of a key that a query does not see. */
const UNSEEN: f32 = -1e30;

@unmanaged
class Arguments {
  out: usize;
  lse: usize;
  q: usize;
  k: usize;
  v: usize;
  positions: usize;
  pages: usize;
  starts: usize;
  batch: i32;
  time: i32;
  /** Keys that a sequence has at most. */
  keys: i32;
  /** How many pages there are. */
  limit: i32;
  heads: i32;
  kvHeads: i32;
  headSize: i32;
  window: i32;
  chunks: i32;
  chunkSize: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

// This thread's workspace while it does an item.
let packedQueries: usize = 0;
let scores: usize = 0;
let sums: usize = 0;
/** The first key that each query of a tile sees; ascending. */
let firstSeen: usize = 0;
let outputs: usize = 0;
let packedKeys: usize = 0;
let packedValues: usize = 0;
/** First packed key and end of the packed keys, both multiples of 8. */
let firstKey: i32 = 0;
let endKey: i32 = 0;

/** Bytes of workspace that {@link attention} needs for `keys` keys. */
export function attentionWorkspace(keys: i32, headSize: i32): u32 {
  const depth = roundUp(headSize, 2), width = roundUp(headSize, 16);
  return <u32> (4 * (QUERIES * (depth + KEYS + 4 + width) + roundUp(keys + 8, 8) * (depth + width)));
}

/**
 * Queries (batch, time, heads, headSize) over keys and values (batch, keys, kvHeads, headSize); or, at
 * positions positions[b] + t, over those in `pages` (batch, keys / PAGE_ROWS) of caches (limit,
 * PAGE_ROWS, kvHeads, headSize), which are else null. `lse` may be null, and so may `starts` (batch,
 * time), before which a query sees nothing.
 */
export function attention(
  out: usize,
  lse: usize,
  q: usize,
  k: usize,
  v: usize,
  positions: usize,
  pages: usize,
  starts: usize,
  batch: i32,
  time: i32,
  keys: i32,
  limit: i32,
  heads: i32,
  kvHeads: i32,
  headSize: i32,
  window: i32,
): void {
  args.out = out;
  args.lse = lse;
  args.q = q;
  args.k = k;
  args.v = v;
  args.positions = positions;
  args.pages = pages;
  args.starts = starts;
  args.batch = batch;
  args.time = time;
  args.keys = keys;
  args.limit = limit;
  args.heads = heads;
  args.kvHeads = kvHeads;
  args.headSize = headSize;
  args.window = window;
  const wanted = (threadCount() * 4 + batch * kvHeads - 1) / (batch * kvHeads);
  const blocks = (time + CHUNK - 1) / CHUNK;
  args.chunkSize = (blocks + wanted - 1) / wanted * CHUNK;
  args.chunks = (time + args.chunkSize - 1) / args.chunkSize;
  const work = <i64> batch * heads * time * headSize * min(keys, window + 1);
  parallelFrom(PARALLEL_FROM, work, batch * kvHeads * args.chunks, attentionItem);
}

function attentionItem(item: i32): void {
  // The last chunks see the most keys: they come first.
  const chunk = args.chunks - 1 - item / (args.batch * args.kvHeads);
  const rest = item % (args.batch * args.kvHeads);
  const b = rest / args.kvHeads, kvHead = rest % args.kvHeads;
  const position = args.positions ? load<i32>(args.positions + (<usize> b << 2)) : 0;
  const first = chunk * args.chunkSize, end = min(args.time, first + args.chunkSize);
  if (position < 0 || position + end > args.keys) unreachable();
  packKeys(b, kvHead, max(0, firstKeyOf(b, first, position)), position + end);
  const group = args.heads / args.kvHeads;
  for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
    for (let t = first; t < end; t += QUERIES) {
      attend(b, head, t, min(QUERIES, end - t), position);
    }
  }
}

/** The first key that query t sees; none before it has a later one. Below 0 where it sees all. */
@inline
function firstKeyOf(b: i32, t: i32, position: i32): i32 {
  const first = position + t - args.window;
  return args.starts ? max(first, load<i32>(args.starts + (<usize> (b * args.time + t) << 2))) : first;
}

/** Lays out the workspace and packs keys and values first … end−1. */
function packKeys(b: i32, kvHead: i32, first: i32, end: i32): void {
  const headSize = args.headSize;
  const depth = roundUp(headSize, 2), width = roundUp(headSize, 16);
  firstKey = first & ~7;
  endKey = roundUp(end, 8);
  const count = endKey - firstKey;
  packedQueries = workspace();
  scores = packedQueries + (<usize> (QUERIES * depth) << 2);
  sums = scores + (<usize> (QUERIES * KEYS) << 2);
  firstSeen = sums + (<usize> (QUERIES * 3) << 2);
  outputs = firstSeen + (<usize> QUERIES << 2);
  packedKeys = outputs + (<usize> (QUERIES * width) << 2);
  packedValues = packedKeys + (<usize> (count * depth) << 2);

  const stride = <usize> (args.kvHeads * headSize) << 2;
  const headOffset = <usize> (kvHead * headSize) << 2;
  const panelStride = <usize> count << 6;
  // A page at a time, which ends with a panel of keys.
  for (let key = firstKey, next = key; key < end; key = next) {
    next = min(end, endOfPage(key));
    const offset = rowOfKey(b, key) * stride + headOffset;
    for (let i = key; i < next; i += 8) {
      const panel = packedKeys + (<usize> ((i - firstKey) * depth) << 2);
      const source = args.k + offset + <usize> (i - key) * stride;
      packAcross<f32>(panel, 8, source, stride, next - i, headSize, depth, 1);
    }
    const rows = packedValues + (<usize> (key - firstKey) << 6), filled = next - key;
    const source = args.v + offset;
    packAlong(rows, 16, panelStride, source, stride, headSize, filled, roundUp(filled, 8), 1);
  }
}

/** The number of a sequence's key among all there are. */
@inline
function rowOfKey(b: i32, key: i32): usize {
  if (!args.pages) return <usize> (b * args.keys + key);
  const pages = args.pages + (<usize> (b * (args.keys / PAGE_ROWS)) << 2);
  return rowInPages(pages, key, args.limit);
}

/** Attention of `count` queries from t on. */
function attend(b: i32, head: i32, t: i32, count: i32, position: i32): void {
  const headSize = args.headSize, depth = roundUp(headSize, 2);
  const stride = <usize> (args.heads * headSize) << 2;
  const offset = <usize> (b * args.time + t) * stride + (<usize> (head * headSize) << 2);
  const scale = <f32> (1 / sqrt<f64>(headSize));
  packAcross<f32>(packedQueries, QUERIES, args.q + offset, stride, count, headSize, depth, scale);
  const query = position + t;
  for (let i = 0; i < QUERIES; i++) {
    store<i32>(firstSeen + (<usize> i << 2), firstKeyOf(b, t + min(i, count - 1), position));
  }
  const earliest = load<i32>(firstSeen), latest = load<i32>(firstSeen, 4 * (QUERIES - 1));
  const low = max(firstKey, earliest & ~7);
  const high = min(endKey, roundUp(query + QUERIES, 8));
  for (let key = low; key < high; key += KEYS) {
    const keys = min(KEYS, high - key);
    for (let i = 0; i < keys; i += 8) {
      const panel = packedKeys + (<usize> ((key + i - firstKey) * depth) << 2);
      const tile = scores + (<usize> i << 6);
      multiplyTile(panel, 32, packedQueries, 64, depth, 0, 0, tile, 64);
      if (key + i + 7 > query || key + i < latest) hideUnseen(tile, key + i, query);
    }
    softmaxStep(keys, key == low);
    addValues(key, keys, key == low);
  }
  finish(b, head, t, count, offset, stride);
}

/** Marks in a tile of 8 keys by 16 queries the scores that do not count. */
function hideUnseen(tile: usize, key: i32, query: i32): void {
  const unseen = splat(UNSEEN);
  for (let i = 0; i < 8; i++) {
    const k = i32x4.splat(key + i);
    for (let j = 0; j < QUERIES; j += 4) {
      const at = tile + (<usize> i << 6) + (<usize> j << 2);
      const t = i32x4.add(i32x4.splat(query + j), i32x4(0, 1, 2, 3));
      const first = v128.load(firstSeen + (<usize> j << 2));
      const seen = v128.and(i32x4.le_s(k, t), i32x4.ge_s(k, first));
      v128.store(at, v128.bitselect(v128.load(at), unseen, seen));
    }
  }
}

/**
 * Turns scores into exp(score − largest so far). `sums` has for each query the largest score, the
 * sum of exponentials, and the factor by which older ones shrink.
 */
function softmaxStep(keys: i32, isFirst: bool): void {
  const end = scores + (<usize> keys << 6);
  for (let lane: usize = 0; lane < 64; lane += 16) {
    const start = scores + lane;
    const before = isFirst ? splat(UNSEEN) : v128.load(sums + lane);
    let largest = before;
    for (let at = start; at < end; at += 64) largest = f32x4.pmax(largest, v128.load(at));
    const factor = exp4(f32x4.sub(before, largest));
    let sum = isFirst ? splat(0) : f32x4.mul(factor, v128.load(sums + lane, 64));
    for (let at = start; at < end; at += 64) {
      const e = exp4(f32x4.sub(v128.load(at), largest));
      v128.store(at, e);
      sum = f32x4.add(sum, e);
    }
    v128.store(sums + lane, largest);
    v128.store(sums + lane, sum, 64);
    v128.store(sums + lane, factor, 128);
  }
}

/** outputs = factor · outputs + probabilities · values. */
function addValues(key: i32, keys: i32, isFirst: bool): void {
  const headSize = args.headSize;
  const stride = <usize> roundUp(headSize, 16) << 2;
  if (!isFirst) {
    for (let i: usize = 0; i < <usize> QUERIES; i++) {
      const factor = load<f32>(sums + (i << 2), 128);
      const row = outputs + i * stride;
      if (factor != 1) addScaled(row, factor, row, <i32> (stride >> 2), true);
    }
  }
  const count = endKey - firstKey;
  for (let j = 0; j < headSize; j += 16) {
    const panel = packedValues + (<usize> (j * count) << 2) + (<usize> (key - firstKey) << 6);
    let out = outputs + (<usize> j << 2);
    for (let half: usize = 0; half < 64; half += 32) {
      multiplyTile(scores + half, 64, panel, 64, keys, isFirst ? 0 : out, stride, out, stride);
      out += 8 * stride;
    }
  }
}

/** Divides by the sums and stores. */
function finish(b: i32, head: i32, t: i32, count: i32, offset: usize, stride: usize): void {
  const headSize = args.headSize;
  const rowBytes = <usize> roundUp(headSize, 16) << 2;
  for (let i = 0; i < count; i++) {
    const at = <usize> i << 2;
    const sum = load<f32>(sums + at, 64);
    const row = outputs + <usize> i * rowBytes;
    addScaled(args.out + offset + <usize> i * stride, 1 / sum, row, headSize, true);
    if (args.lse) {
      const place = <usize> ((b * args.heads + head) * args.time + t + i) << 2;
      store<f32>(args.lse + place, load<f32>(sums + at) + log1(sum));
    }
  }
}
