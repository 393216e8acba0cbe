// out = epilogue(alpha · op(a)·op(b) + beta · c): what the matmul kernels share, beside matmul_out.wgsl.
//
// ALIGNED: rows of a, b and out are whole vec4s. MASKED: K is no whole number of a kernel's steps.
// A_K_ROWS, B_K_ROWS: whether K runs along stored rows. HALF: factors are rounded to float16, by
// factors.wgsl; see MatmulArgs.operands for A_GRADIENT.
//
// SPLIT: the grid's z counts parts of K, and in each the matrices of a batch; the sums of each part
// go to a matrix of their own, and matmul_sum.wgsl adds them up.
//
// PIECES: products that are taken as one, of one layout. Along the dimension in which they are put
// together, two of a, b and out lie in so many tensors (A_PIECES and so on, else 1): b and out along
// N in layout nt, a and b along K in nn, a and out along M in tn. A kernel says at which place
// of that dimension it is, before it loads or stores; its tiles are in one piece each.
// SYMMETRIC: only blocks on and above the diagonal are computed, and mirrored.

struct Args {
  M: u32,
  N: u32,
  K: u32,
  // Elements from one stored row to the next, and from one matrix of a batch to the next.
  aRow: u32,
  bRow: u32,
  outRow: u32,
  aMatrix: u32,
  bMatrix: u32,
  outMatrix: u32,
  // First column of a and of out.
  aColumn: u32,
  outColumn: u32,
  alpha: f32,
  beta: f32,
//# if SPLIT
  batch: u32,
  // Steps of K of a part.
  part: u32,
//# end
//# if 1 < PIECES
  // Where each piece ends.
//# for p < PIECES
  end$p: u32,
//# end
//# end
}

@group(0) @binding(0) var<uniform> args: Args;
//# for p < A_PIECES
@group(0) @binding($[1 + p]) var<storage, read> a$p: array<$A>;
//# end
//# for p < B_PIECES
@group(0) @binding($[4 + p]) var<storage, read> b$p: array<$B>;
//# end
//# if 1 < PIECES

struct Piece {
  number: u32,
  // Where it starts, and how long it is.
  start: u32,
  length: u32,
}

var<private> piece: Piece;

fn enter_piece(at: u32) {
  piece = Piece(0u, 0u, args.end0);
//# for p < PIECES - 1
  if (at >= args.end$p) { piece = Piece($[p + 1]u, args.end$p, args.end$[p + 1] - args.end$p); }
//# end
}
//# end

// Called before anything of these outputs is loaded or stored, and before anything of these steps.
fn enter_outputs(row: u32, column: u32) {
//# if 1 < PIECES
//# if A_K_ROWS
  enter_piece(row);
//# end
//# if !B_K_ROWS
  enter_piece(column);
//# end
//# end
}

fn enter_steps(k: u32) {
//# if (1 < PIECES) * B_K_ROWS * !A_K_ROWS
  enter_piece(k);
//# end
}

// What a workgroup of this z computes: which matrix of the batch, and which steps of K.
//# if SPLIT
fn matrix_of(z: u32) -> u32 {
  return z % args.batch;
}

fn first_step(z: u32) -> u32 {
  return z / args.batch * args.part;
}

fn last_step(z: u32) -> u32 {
  return min(args.K, first_step(z) + args.part);
}
//# else
fn matrix_of(z: u32) -> u32 {
  return z;
}

fn first_step(z: u32) -> u32 {
  return 0u;
}

fn last_step(z: u32) -> u32 {
  return args.K;
}
//# end

// Four elements of a stored row of a. Beyond K they are zero where MASKED; beyond M they are
// anything, since they reach only outputs that do not exist.
fn load_a(matrix: u32, row: u32, column: u32) -> vec4f {
//# if A_PIECES == 1
  let index = matrix * args.aMatrix + row * args.aRow + args.aColumn + column;
//# if ALIGNED
  let value = $A_WIDEN(a0[index / 4u]);
//# else
  let value = vec4f(a0[index], a0[index + 1u], a0[index + 2u], a0[index + 3u]);
//# end
//# else
  // Pieces lie beside each other.
  let index = row * piece.length + column - piece.start;
  var value: vec4f;
//# for p < A_PIECES
  if (piece.number == $[p]u) { value = $A_WIDEN(a$p[index / 4u]); }
//# end
//# end
//# if !MASKED
  return value;
//# else
//# if A_K_ROWS
  return select(vec4f(), value, row < args.K);
//# else
  return select(vec4f(), value, vec4u(column, column + 1u, column + 2u, column + 3u) < vec4u(args.K));
//# end
//# end
}

// Four elements of a stored row of b, as load_a.
fn load_b(matrix: u32, row: u32, column: u32) -> vec4f {
//# if B_PIECES == 1
  let index = matrix * args.bMatrix + row * args.bRow + column;
//# if ALIGNED
  let value = $B_WIDEN(b0[index / 4u]);
//# else
  let value = vec4f(b0[index], b0[index + 1u], b0[index + 2u], b0[index + 3u]);
//# end
//# else
  // Pieces lie below each other.
  let index = (row - piece.start) * args.bRow + column;
  var value: vec4f;
//# for p < B_PIECES
  if (piece.number == $[p]u) { value = $B_WIDEN(b$p[index / 4u]); }
//# end
//# end
//# if !MASKED
  return value;
//# else
//# if B_K_ROWS
  return select(vec4f(), value, row < args.K);
//# else
  return select(vec4f(), value, vec4u(column, column + 1u, column + 2u, column + 3u) < vec4u(args.K));
//# end
//# end
}

// Four numbers of a as they are multiplied.
fn factor_a(x: vec4f) -> vec4f {
//# if A_GRADIENT
  return vec4f(gradient_factors(x));
//# else
  return vec4f(factors(x));
//# end
}

// Four numbers of b as they are multiplied.
fn factor_b(x: vec4f) -> vec4f {
  return vec4f(factors(x));
}

// Stores four sums of a row of out; z counts matrices, with SPLIT those of every part.
fn store(z: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= args.M) { return; }
//# if OUT_PIECES == 1
  let index = z * args.outMatrix + row * args.outRow + args.outColumn + column;
//# else
//# if A_PIECES == 1
  // Pieces lie beside each other.
  let index = row * piece.length + column - piece.start;
//# else
  // Pieces lie below each other.
  let index = (row - piece.start) * args.outRow + column;
//# end
//# end
//# if ALIGNED
  if (column >= args.N) { return; }
//# if OUT_PIECES == 1
  finish_in0(index / 4u, sums);
//# else
//# for p < OUT_PIECES
  if (piece.number == $[p]u) { finish_in$p(index / 4u, sums); }
//# end
//# end
//# else
//# for i < 4
  if (column + $[i]u < args.N) { finish_in0(index + $[i]u, sums[$i]); }
//# end
//# end
}

// Whether a workgroup has nothing to compute of so many rows and columns from here.
fn is_mirrored(row: u32, column: u32, columns: u32) -> bool {
//# if SYMMETRIC
  return column + columns <= row;
//# else
  return false;
//# end
}

// Stores the sums of four rows and four columns, which start at multiples of four.
fn store_block(z: u32, row: u32, column: u32, r0: vec4f, r1: vec4f, r2: vec4f, r3: vec4f) {
//# if SYMMETRIC
  if (column < row) { return; }
  // The same numbers: both are sums of the same products in the same order.
  if (row < column) {
//# for i < 4
    store(z, column + $[i]u, row, vec4f(r0[$i], r1[$i], r2[$i], r3[$i]));
//# end
  }
//# end
//# for i < 4
  store(z, row + $[i]u, column, r$i);
//# end
}
