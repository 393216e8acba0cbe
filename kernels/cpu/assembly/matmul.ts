/**
 * Products of matrices, blocked after Goto & van de Geijn: b is packed once into panels that all
 * threads read; an item multiplies a block of a's rows, which its thread packs, with some panels.
 */
import { mirror } from "./mirror";
import { multiplyPanels, TILE_COLUMNS, TILE_ROWS, TILE_TERMS } from "./matmul_tile";
import { packAcross, packAlong, roundUp } from "./pack";
import { packThreesAcross, packThreesAlong } from "./pack_threes";
import { ARGUMENTS, parallelFrom, threadCount, workspace } from "./pool";
import { fma, load4, splat, store4 } from "./simd";

/**
 * Terms that a tile sums before it goes to memory. Panels come from a core's second cache, in order
 * and ahead of time; more terms spare the result's way to memory and back.
 */
const DEPTH: i32 = 1026;
/** Bytes of packed b at a time, unless a single matrix has more. */
const PACKED_LIMIT: usize = 8 << 20;
/** Multiply-adds from which waking the other threads pays. */
const PARALLEL_FROM: i64 = 1 << 18;
/** Bytes between panels, for none may be so long that they would share the cache's sets. */
const PANEL_GAP: usize = 64;
/** Most panels of b that an item packs. */
const PANEL_GROUP: i32 = 4;
/** Items for each thread: it shares its time with others, and nobody waits long for the last. */
const ITEMS_PER_THREAD: i32 = 8;
/** Most rows of a in an item. */
const ROW_BLOCK: i32 = 64;
/** A row of a tile, and the tile at the start of a thread's workspace, in bytes. */
const TILE_STRIDE: usize = <usize> TILE_COLUMNS << 2;
const TILE_BYTES: usize = <usize> TILE_ROWS * TILE_STRIDE;

@unmanaged
class Arguments {
  out: usize;
  a: usize;
  b: usize;
  /** Added, scaled by `beta`. */
  c: usize;
  /** For {@link epilogue} 2. */
  activation: usize;
  packed: usize;
  m: i32;
  n: i32;
  k: i32;
  /** Whether a is stored (K, M), and b (N, K). */
  transposeA: bool;
  transposeB: bool;
  /** 0 none, 1 reluSquare, 2 its gradient. */
  epilogue: i32;
  /** Whether the result is symmetric: then its upper triangle is copied from the lower one. */
  symmetric: bool;
  /** Whether b, stored (N, K), is bfloat16. */
  bfloat16: bool;
  alpha: f32;
  beta: f32;
  /** The terms and matrices at work now, and a number that no others had. */
  round: i32;
  firstTerm: i32;
  terms: i32;
  firstMatrix: i32;
  panelGroup: i32;
  rowBlock: i32;
  columnBlock: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

/** The last round. Not among the arguments: other operations have theirs in the same place. */
let lastRound: i32 = 0;
/** The round and the block of rows of a that this thread's workspace holds. */
let heldRound: i32 = 0;
let heldBlock: i32 = -1;

/** Bytes that {@link matmul} needs at `packed` for a b of n columns and k terms. */
export function packedBytes(n: i32, k: i32): u32 {
  const panels = <usize> blocks(n, TILE_COLUMNS);
  return <u32> max(PACKED_LIMIT, panels * panelBytes(TILE_COLUMNS, min(DEPTH, k)));
}

/** Bytes of workspace that {@link matmul} needs: a tile, and the packed rows of an item. */
export function matmulWorkspace(): u32 {
  return <u32> (TILE_BYTES + <usize> (ROW_BLOCK / TILE_ROWS) * panelBytes(TILE_ROWS, DEPTH));
}

/** out = epilogue(alpha · op(a)·op(b) + beta · c) for each of `batch` matrices. */
export function matmul(
  out: usize,
  a: usize,
  b: usize,
  c: usize,
  activation: usize,
  packed: usize,
  batch: i32,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  epilogue: i32,
  symmetric: bool,
  alpha: f32,
  beta: f32,
  bfloat16: bool,
): void {
  args.out = out;
  args.a = a;
  args.b = b;
  args.c = c;
  args.activation = activation;
  args.packed = packed;
  args.m = m;
  args.n = n;
  args.k = k;
  args.transposeA = transposeA;
  args.transposeB = transposeB;
  args.epilogue = epilogue;
  args.symmetric = symmetric;
  args.bfloat16 = bfloat16;
  args.alpha = alpha;
  args.beta = beta;
  const matrixBytes = <usize> panels() * panelBytes(TILE_COLUMNS, min(DEPTH, k));
  const together = min(batch, max(1, <i32> (PACKED_LIMIT / matrixBytes)));
  for (let matrix = 0; matrix < batch; matrix += together) {
    const matrices = min(together, batch - matrix);
    args.firstMatrix = matrix;
    chooseBlocks(matrices);
    for (let term = 0; term < k; term += DEPTH) {
      args.round = ++lastRound;
      args.firstTerm = term;
      args.terms = min(DEPTH, k - term);
      const work = <i64> matrices * m * n * args.terms;
      const groups = matrices * blocks(panels(), args.panelGroup);
      parallelFrom(PARALLEL_FROM, work, groups, packItem);
      parallelFrom(PARALLEL_FROM, work, itemCount(matrices), multiplyItem);
    }
  }
  if (symmetric) mirror(out, batch, n);
}

/** What is in an item: much, but there are several items for each thread. */
function chooseBlocks(matrices: i32): void {
  const wanted = threadCount() * ITEMS_PER_THREAD;
  args.panelGroup = max(1, min(PANEL_GROUP, matrices * panels() / wanted));
  args.rowBlock = ROW_BLOCK;
  args.columnBlock = panels();
  while (args.columnBlock > 10 && itemCount(matrices) < wanted) {
    args.columnBlock = (args.columnBlock + 1) >> 1;
  }
  while (args.rowBlock > 32 && itemCount(matrices) < wanted) args.rowBlock >>= 1;
}

@inline
function itemCount(matrices: i32): i32 {
  return matrices * blocks(args.m, args.rowBlock) * blocks(panels(), args.columnBlock);
}

@inline
function blocks(length: i32, block: i32): i32 {
  return (length + block - 1) / block;
}

@inline
function panels(): i32 {
  return blocks(args.n, TILE_COLUMNS);
}

/** The terms at work now, with the zeros that follow them. */
@inline
function paddedTerms(terms: i32): i32 {
  return roundUp(terms, TILE_TERMS);
}

/** Bytes from one panel of `width` to the next. */
@inline
function panelBytes(width: i32, terms: i32): usize {
  return (<usize> (width * paddedTerms(terms)) << 2) + PANEL_GAP;
}

/** Where the packed panels of a matrix lie. */
@inline
function packedMatrix(matrix: i32): usize {
  return args.packed + <usize> (matrix * panels()) * panelBytes(TILE_COLUMNS, args.terms);
}

/** Packs some panels: item = (matrix, group of panels). */
function packItem(item: i32): void {
  const groups = blocks(panels(), args.panelGroup);
  const panel = (item % groups) * args.panelGroup;
  const matrix = item / groups;
  const bytes = panelBytes(TILE_COLUMNS, args.terms);
  let out = packedMatrix(matrix) + <usize> panel * bytes;
  const column = panel * TILE_COLUMNS;
  const columns = min(args.panelGroup * TILE_COLUMNS, args.n - column);
  const first = <usize> args.firstTerm;
  const shift: usize = args.bfloat16 ? 1 : 2;
  const size = <usize> args.n * <usize> args.k << shift;
  const b = args.b + <usize> (args.firstMatrix + matrix) * size;
  const terms = args.terms, padded = paddedTerms(terms);
  if (args.transposeB) {
    const stride = <usize> args.k << shift;
    for (let i = 0; i < columns; i += TILE_COLUMNS) {
      const source = b + <usize> (column + i) * stride + (first << shift), count = columns - i;
      if (args.bfloat16) {
        packAcross<u16>(out, TILE_COLUMNS, source, stride, count, terms, padded, 1);
      } else {
        packAcross<f32>(out, TILE_COLUMNS, source, stride, count, terms, padded, 1);
      }
      out += bytes;
    }
  } else {
    const source = b + ((first * <usize> args.n + <usize> column) << 2);
    packAlong(out, TILE_COLUMNS, bytes, source, <usize> args.n << 2, columns, terms, padded, 1);
  }
}

/** Multiplies a block of rows: item = (matrix, block of rows, block of panels). */
function multiplyItem(item: i32): void {
  const columnBlocks = blocks(panels(), args.columnBlock);
  const rowBlocks = blocks(args.m, args.rowBlock);
  const firstPanel = (item % columnBlocks) * args.columnBlock;
  const endPanel = min(panels(), firstPanel + args.columnBlock);
  const block = item / columnBlocks;
  const matrix = block / rowBlocks;
  const row = (block % rowBlocks) * args.rowBlock;
  const rows = min(args.rowBlock, args.m - row);
  if (heldBlock != block || heldRound != args.round) {
    packRows(matrix, row, rows);
    heldBlock = block;
    heldRound = args.round;
  }
  const isFirst = args.firstTerm == 0, isLast = args.firstTerm + args.terms == args.k;
  const depth = paddedTerms(args.terms), bytes = panelBytes(TILE_COLUMNS, args.terms);
  let b = packedMatrix(matrix) + <usize> firstPanel * bytes;
  for (let panel = firstPanel; panel < endPanel; panel++) {
    multiplyPanel(matrix, row, rows, panel * TILE_COLUMNS, depth, b, isFirst, isLast);
    b += bytes;
  }
}

/** Packs rows of a, scaled by alpha, into this thread's workspace. */
function packRows(matrix: i32, row: i32, rows: i32): void {
  const a = args.a + (<usize> (args.firstMatrix + matrix) * <usize> args.m * <usize> args.k << 2);
  const out = workspace() + TILE_BYTES, bytes = panelBytes(TILE_ROWS, args.terms);
  const first = <usize> row, term = <usize> args.firstTerm;
  if (args.transposeA) {
    const source = a + ((term * <usize> args.m + first) << 2);
    packThreesAlong(out, bytes, source, <usize> args.m << 2, rows, args.terms, args.alpha);
  } else {
    const source = a + ((first * <usize> args.k + term) << 2);
    packThreesAcross(out, bytes, source, <usize> args.k << 2, rows, args.terms, args.alpha);
  }
}

/** All row panels of the block times one panel of b. */
function multiplyPanel(
  matrix: i32,
  row: i32,
  rows: i32,
  column: i32,
  depth: i32,
  b: usize,
  isFirst: bool,
  isLast: bool,
): void {
  const stride = <usize> args.n << 2;
  const offset = (<usize> (args.firstMatrix + matrix) * <usize> args.m * stride) +
    <usize> row * stride + (<usize> column << 2);
  const columns = min(TILE_COLUMNS, args.n - column);
  const added = isFirst ? (args.beta == 0 ? 0 : args.c) : args.out;
  const scale: f32 = isFirst ? args.beta : 1;
  const epilogue = isLast ? args.epilogue : 0;
  const isDirect = (columns & 3) == 0 && epilogue == 0 && (added == 0 || scale == 1);
  const tile = workspace(), bytes = panelBytes(TILE_ROWS, depth);
  let a = tile + TILE_BYTES;
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const at = offset + <usize> i * stride;
    const out = args.out + at, initial = added == 0 ? 0 : added + at;
    const count = min(TILE_ROWS, rows - i);
    if (args.symmetric && row + i + TILE_ROWS <= column) {
      a += bytes;
      continue;
    }
    if (isDirect && count == TILE_ROWS) {
      multiplyPanels(columns, a, b, depth, initial, out, stride);
    } else {
      multiplyPanels(columns, a, b, depth, 0, tile, TILE_STRIDE);
      finishTile(tile, at, count, columns, initial, scale, epilogue);
    }
    a += bytes;
  }
}

/** out = epilogue(tile + scale · added) for a tile, or a part of one, `at` bytes into out. */
function finishTile(
  tile: usize,
  at: usize,
  rows: i32,
  columns: i32,
  added: usize,
  scale: f32,
  epilogue: i32,
): void {
  const stride = <usize> args.n << 2;
  const factor = splat(scale), zero = splat(0);
  let out = args.out + at, activation = args.activation + at;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j += 4) {
      const lanes = <usize> j << 2, left = columns - j;
      let y = v128.load(tile + lanes);
      if (added) y = fma(factor, load4(added + lanes, left), y);
      if (epilogue == 1) {
        y = f32x4.pmax(y, zero);
        y = f32x4.mul(y, y);
      } else if (epilogue == 2) {
        const root = f32x4.sqrt(load4(activation + lanes, left));
        y = f32x4.mul(y, f32x4.add(root, root));
      }
      store4(out + lanes, y, left);
    }
    tile += TILE_STRIDE;
    out += stride;
    activation += stride;
    if (added) added += stride;
  }
}
