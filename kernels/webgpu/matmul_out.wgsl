// Where sums of products go: out = epilogue(alpha · sum + beta · c), with alpha and beta in Args.
//
// ALIGNED: rows are whole vec4s. OUT_PIECES: tensors that out lies in, see matmul.wgsl. C: 0
// without c, 1 where c is out itself, 2 where it is bound. EPILOGUE: 0 none, 1 relu squared, 2 its
// gradient.

//# if ALIGNED
alias Element = vec4f;
//# else
alias Element = f32;
//# end

//# for p < OUT_PIECES
@group(0) @binding($[7 + p]) var<storage, read_write> out$p: array<$OUT>;
//# end
//# if C == 2
@group(0) @binding(10) var<storage, read> c: array<$ADDEND>;
//# end
//# if EPILOGUE == 2
@group(0) @binding(11) var<storage, read> activation: array<$ACTIVATION>;
//# end

// What is stored in a place of which out holds `before`.
fn finish(index: u32, product: Element, before: Element) -> Element {
  var y = args.alpha * product;
//# if C == 1
  y += args.beta * before;
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
//# for p < OUT_PIECES

fn finish_in$p(index: u32, product: Element) {
//# if C == 1
  let before = $OUT_WIDEN(out$p[index]);
//# else
  let before = Element();
//# end
  out$p[index] = $OUT_NARROW(finish(index, product, before));
}
//# end
