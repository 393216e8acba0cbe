// Numbers as products multiply them: rounded to float16 where HALF.

//# if HALF
// Finite numbers saturate.
fn factors(x: vec4f) -> vec4<f16> {
  let others = (bitcast<vec4u>(x) & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
  return vec4<f16>(select(clamp(x, vec4f(-65504.0), vec4f(65504.0)), x, others));
}

// What is rounded beyond the largest number becomes infinite, which the GPU's own conversion leaves
// to its maker.
fn gradient_factors(x: vec4f) -> vec4<f16> {
  let infinity = bitcast<vec4f>((bitcast<vec4u>(x) & vec4u(0x80000000u)) | vec4u(0x7f800000u));
  return vec4<f16>(select(x, infinity, abs(x) >= vec4f(65520.0)));
}
//# else
fn factors(x: vec4f) -> vec4f {
  return x;
}

fn gradient_factors(x: vec4f) -> vec4f {
  return x;
}
//# end

