// out = epilogue(alpha · op(a)·op(b) + beta · c): what the matmul kernels share.
//
// HALF: factors are rounded to float16; see MatmulArgs.operands for A_GRADIENT. LAYOUT: nn, nt or tn. ALIGNED: rows of a, b and out are whole vec4s. C: 0 without c, 1 where c
// is out itself, 2 where it is bound. EPILOGUE: 0 none, 1 relu squared, 2 its gradient.

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
}

//# if ALIGNED
alias Element = vec4f;
//# else
alias Element = f32;
//# end

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(1) var<storage, read> a: array<$A>;
@group(0) @binding(2) var<storage, read> b: array<$B>;
@group(0) @binding(3) var<storage, read_write> out: array<$OUT>;
//# if C == 2
@group(0) @binding(4) var<storage, read> c: array<$ADDEND>;
//# end
//# if EPILOGUE == 2
@group(0) @binding(5) var<storage, read> activation: array<$ACTIVATION>;
//# end

// Four elements of a stored row of a. Beyond K they are zero where MASKED; beyond M they are
// anything, since they reach only outputs that do not exist.
fn load_a(matrix: u32, row: u32, column: u32) -> vec4f {
  let index = matrix * args.aMatrix + row * args.aRow + args.aColumn + column;
//# if ALIGNED
  let value = $A_WIDEN(a[index / 4u]);
//# else
  let value = vec4f(a[index], a[index + 1u], a[index + 2u], a[index + 3u]);
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
  let index = matrix * args.bMatrix + row * args.bRow + column;
//# if ALIGNED
  let value = $B_WIDEN(b[index / 4u]);
//# else
  let value = vec4f(b[index], b[index + 1u], b[index + 2u], b[index + 3u]);
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

//# if HALF
// Finite numbers saturate.
fn factors(x: vec4f) -> vec4<f16> {
  let others = (bitcast<vec4u>(x) & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
  return vec4<f16>(select(clamp(x, vec4f(-65504.0), vec4f(65504.0)), x, others));
}

// What is rounded beyond the largest number becomes infinite.
fn gradient_factors(x: vec4f) -> vec4<f16> {
  let infinity = bitcast<vec4f>((bitcast<vec4u>(x) & vec4u(0x80000000u)) | vec4u(0x7f800000u));
  return vec4<f16>(select(x, infinity, abs(x) >= vec4f(65520.0)));
}

//# end
// Four numbers of a as they are multiplied.
fn factor_a(x: vec4f) -> vec4f {
//# if HALF
//# if A_GRADIENT
  return vec4f(gradient_factors(x));
//# else
  return vec4f(factors(x));
//# end
//# else
  return x;
//# end
}

// Four numbers of b as they are multiplied.
fn factor_b(x: vec4f) -> vec4f {
//# if HALF
  return vec4f(factors(x));
//# else
  return x;
//# end
}

fn finish(index: u32, product: Element) -> Element {
  var y = args.alpha * product;
//# if C == 1
  y += args.beta * $OUT_WIDEN(out[index]);
//# end
//# if C == 2
  y += args.beta * $ADDEND_WIDEN(c[index]);
//# end
//# if EPILOGUE == 1
  // Not max, which may give 0 for NaN.
  let positive = select(y, Element(), y < Element());
  y = positive * positive;
//# end
//# if EPILOGUE == 2
  y *= 2.0 * sqrt($ACTIVATION_WIDEN(activation[index]));
//# end
  return y;
}

// Stores four sums of a row of out.
fn store(matrix: u32, row: u32, column: u32, sums: vec4f) {
  if (row >= args.M) { return; }
  let index = matrix * args.outMatrix + row * args.outRow + args.outColumn + column;
//# if ALIGNED
  if (column < args.N) { out[index / 4u] = $OUT_NARROW(finish(index / 4u, sums)); }
//# else
//# for i < 4
  if (column + $[i]u < args.N) { out[index + $[i]u] = finish(index + $[i]u, sums[$i]); }
//# end
//# end
}
