// out = epilogue(alpha · op(a)·op(b) + beta · c): what the matmul kernels share.
//
// ALIGNED: rows of a, b and out are whole vec4s. C: 0 without c, 1 where c is out itself, 2 where it
// is bound. EPILOGUE: 0 none, 1 relu squared, 2 its gradient.

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
  // Parts of K whose sums are kept apart, and steps of K of each.
  parts: u32,
  partK: u32,
}

//# if ALIGNED
alias Element = vec4f;
//# else
alias Element = f32;
//# end

@group(0) @binding(0) var<uniform> args: Args;
@group(0) @binding(3) var<storage, read_write> out: array<$OUT>;
//# if C == 2
@group(0) @binding(4) var<storage, read> c: array<$ADDEND>;
//# end
//# if EPILOGUE == 2
@group(0) @binding(5) var<storage, read> activation: array<$ACTIVATION>;
//# end

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
