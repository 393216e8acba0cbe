// What is multiplied, after matmul.
//
// HALF: factors are rounded to float16; see MatmulArgs.operands for A_GRADIENT. A_K_ROWS, B_K_ROWS:
// whether K runs along the stored rows. MASKED: K is no multiple of the steps that a kernel takes.
// SPLIT: K is dealt to several workgroups, each of which stores its own sums.

@group(0) @binding(1) var<storage, read> a: array<$A>;
@group(0) @binding(2) var<storage, read> b: array<$B>;

// The part of a batch and of K that a workgroup multiplies.
struct Range {
  matrix: u32,
  first: u32,
  end: u32,
}

fn range_of(z: u32) -> Range {
//# if SPLIT
  let first = z % args.parts * args.partK;
  return Range(z / args.parts, first, min(first + args.partK, args.K));
//# else
  return Range(z, 0u, args.K);
//# end
}

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

