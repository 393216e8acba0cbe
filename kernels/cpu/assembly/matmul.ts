/**
 * Products of matrices, blocked after Goto & van de Geijn: b is packed once into panels that all
 * threads read; an item packs a block of a's rows and multiplies it with every panel.
 */
import { multiplyTile, TILE_COLUMNS, TILE_ROWS } from "./microkernel";
import { packAcross, packAlong } from "./pack";
import { ARGUMENTS, parallelFrom, threadCount, workspace } from "./pool";
import { fma, splat } from "./simd";

/** Terms that a tile sums before it goes to memory: a panel of b (16 KiB) stays in the L1 cache. */
const DEPTH: i32 = 256;
/** Bytes of packed b at a time, unless a single block of terms has more. */
const PACKED_LIMIT: i64 = 4 << 20;
/** Multiply-adds from which waking the other threads pays. */
const PARALLEL_FROM: i64 = 1 << 18;
/** A tile's worth of bytes at the start of a thread's workspace. */
const TILE_BYTES: usize = 512;
const TILE_STRIDE: usize = 64;

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
  alpha: f32;
  beta: f32;
  /** The terms and matrices at work now. */
  firstTerm: i32;
  terms: i32;
  firstMatrix: i32;
  rowBlock: i32;
  columnBlock: i32;
}

const args = changetype<Arguments>(ARGUMENTS);

/** Bytes that {@link matmul} needs at `packed` for n columns. */
export function packedBytes(n: i32): u32 {
  const columns = blocks(n, TILE_COLUMNS) * TILE_COLUMNS;
  return <u32> max(PACKED_LIMIT, <i64> columns * DEPTH * 4);
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
  alpha: f32,
  beta: f32,
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
  args.alpha = alpha;
  args.beta = beta;
  const columns = panels() * TILE_COLUMNS;
  const depthLimit = <i32> (PACKED_LIMIT / (<i64> columns * 4)) & ~(DEPTH - 1);
  const depth = min(max(depthLimit, DEPTH), roundToEven(k));
  const together = min(batch, max(1, <i32> (PACKED_LIMIT / (<i64> columns * depth * 4))));
  for (let matrix = 0; matrix < batch; matrix += together) {
    const matrices = min(together, batch - matrix);
    args.firstMatrix = matrix;
    chooseBlocks(matrices);
    for (let term = 0; term < k; term += depth) {
      args.firstTerm = term;
      args.terms = min(depth, k - term);
      const work = <i64> matrices * m * n * args.terms;
      parallelFrom(PARALLEL_FROM, work, matrices * blocks(args.terms, DEPTH) * panels(), packItem);
      const items = matrices * blocks(m, args.rowBlock) * blocks(panels(), args.columnBlock);
      parallelFrom(PARALLEL_FROM, work, items, multiplyItem);
    }
  }
}

/** Rows and panels of an item: large, but several items for each thread. */
function chooseBlocks(matrices: i32): void {
  const wanted = threadCount() * 4;
  args.rowBlock = 128;
  args.columnBlock = panels();
  while (args.rowBlock > 32 && matrices * blocks(args.m, args.rowBlock) < wanted) {
    args.rowBlock >>= 1;
  }
  while (
    args.columnBlock > 8 &&
    matrices * blocks(args.m, args.rowBlock) * blocks(panels(), args.columnBlock) < wanted
  ) args.columnBlock = (args.columnBlock + 1) >> 1;
}

@inline
function blocks(length: i32, block: i32): i32 {
  return (length + block - 1) / block;
}

@inline
function panels(): i32 {
  return blocks(args.n, TILE_COLUMNS);
}

@inline
function roundToEven(length: i32): i32 {
  return (length + 1) & ~1;
}

/** Where the panel of b for `column` and the terms from `term` on lies. */
@inline
function panelAt(matrix: i32, term: i32, terms: i32, panel: i32): usize {
  const columns = <usize> (panels() * TILE_COLUMNS);
  const depth = <usize> roundToEven(args.terms);
  const before = (<usize> matrix * depth + <usize> term) * columns;
  return args.packed +
    ((before + <usize> panel * <usize> TILE_COLUMNS * <usize> roundToEven(terms)) << 2);
}

/** Packs one panel: item = (matrix, block of terms, panel). */
function packItem(item: i32): void {
  const panel = item % panels();
  const rest = item / panels();
  const depthBlocks = blocks(args.terms, DEPTH);
  const matrix = rest / depthBlocks;
  const term = (rest % depthBlocks) * DEPTH;
  const terms = min(DEPTH, args.terms - term);
  const column = panel * TILE_COLUMNS;
  const count = min(TILE_COLUMNS, args.n - column);
  const out = panelAt(matrix, term, terms, panel);
  const first = <usize> (args.firstTerm + term);
  const b = args.b + (<usize> (args.firstMatrix + matrix) * <usize> args.n * <usize> args.k << 2);
  if (args.transposeB) {
    const source = b + ((<usize> column * <usize> args.k + first) << 2);
    packAcross(out, TILE_COLUMNS, source, <usize> args.k << 2, count, terms, 1);
  } else {
    const source = b + ((first * <usize> args.n + <usize> column) << 2);
    packAlong(out, TILE_COLUMNS, source, <usize> args.n << 2, count, terms, 1);
  }
}

/** Multiplies a block of rows: item = (matrix, block of rows, block of panels). */
function multiplyItem(item: i32): void {
  const columnBlocks = blocks(panels(), args.columnBlock);
  const rowBlocks = blocks(args.m, args.rowBlock);
  const firstPanel = (item % columnBlocks) * args.columnBlock;
  const endPanel = min(panels(), firstPanel + args.columnBlock);
  const rest = item / columnBlocks;
  const matrix = rest / rowBlocks;
  const row = (rest % rowBlocks) * args.rowBlock;
  const rows = min(args.rowBlock, args.m - row);
  for (let term = 0; term < args.terms; term += DEPTH) {
    const terms = min(DEPTH, args.terms - term);
    packRows(matrix, row, rows, args.firstTerm + term, terms);
    const isFirst = args.firstTerm + term == 0;
    const isLast = args.firstTerm + term + terms == args.k;
    for (let panel = firstPanel; panel < endPanel; panel++) {
      const b = panelAt(matrix, term, terms, panel);
      multiplyPanel(matrix, row, rows, panel * TILE_COLUMNS, roundToEven(terms), b, isFirst, isLast);
    }
  }
}

/** Packs rows of a, scaled by alpha, into this thread's workspace. */
function packRows(matrix: i32, row: i32, rows: i32, term: i32, terms: i32): void {
  const a = args.a + (<usize> (args.firstMatrix + matrix) * <usize> args.m * <usize> args.k << 2);
  let out = workspace() + TILE_BYTES;
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const count = min(TILE_ROWS, rows - i);
    const first = <usize> (row + i);
    if (args.transposeA) {
      const source = a + ((<usize> term * <usize> args.m + first) << 2);
      packAlong(out, TILE_ROWS, source, <usize> args.m << 2, count, terms, args.alpha);
    } else {
      const source = a + ((first * <usize> args.k + <usize> term) << 2);
      packAcross(out, TILE_ROWS, source, <usize> args.k << 2, count, terms, args.alpha);
    }
    out += <usize> (TILE_ROWS * roundToEven(terms)) << 2;
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
  const finishes = (isLast && args.epilogue != 0) || (isFirst && args.beta != 0);
  const tile = workspace();
  let a = tile + TILE_BYTES;
  for (let i = 0; i < rows; i += TILE_ROWS) {
    const at = offset + <usize> i * stride;
    const out = args.out + at;
    const count = min(TILE_ROWS, rows - i);
    if (count == TILE_ROWS && columns == TILE_COLUMNS && !finishes) {
      multiplyTile(a, 32, b, 64, depth, isFirst ? 0 : out, stride, out, stride);
    } else {
      multiplyTile(a, 32, b, 64, depth, 0, 0, tile, TILE_STRIDE);
      const added = isFirst ? args.c : args.out;
      const scale: f32 = isFirst ? args.beta : 1;
      for (let r = 0; r < count; r++) {
        finishRow(tile + <usize> r * TILE_STRIDE, at + <usize> r * stride, columns, added, scale,
          isLast ? args.epilogue : 0);
      }
    }
    a += <usize> (TILE_ROWS * depth) << 2;
  }
}

/** out = epilogue(tile + scale · added) for a row of a tile that lies `at` bytes into out. */
function finishRow(
  tile: usize,
  at: usize,
  columns: i32,
  added: usize,
  scale: f32,
  epilogue: i32,
): void {
  const from = added + at;
  const out = args.out + at;
  const activation = args.activation + at;
  const factor = splat(scale);
  let j: i32 = 0;
  for (; j + 4 <= columns; j += 4) {
    const byte = <usize> j << 2;
    let y = v128.load(tile + byte);
    if (scale != 0) y = fma(factor, v128.load(from + byte), y);
    if (epilogue == 1) {
      y = f32x4.pmax(y, splat(0));
      y = f32x4.mul(y, y);
    } else if (epilogue == 2) {
      const root = f32x4.sqrt(v128.load(activation + byte));
      y = f32x4.mul(y, f32x4.add(root, root));
    }
    v128.store(out + byte, y);
  }
  for (; j < columns; j++) {
    const byte = <usize> j << 2;
    let y = load<f32>(tile + byte);
    if (scale != 0) y += scale * load<f32>(from + byte);
    if (epilogue == 1) {
      y = max<f32>(y, 0);
      y *= y;
    } else if (epilogue == 2) {
      y *= 2 * sqrt<f32>(load<f32>(activation + byte));
    }
    store<f32>(out + byte, y);
  }
}
