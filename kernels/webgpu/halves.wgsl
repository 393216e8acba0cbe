// Numbers of 16 bits as they lie in memory: two in a u32, the first in its lower half.

// Exact.
fn widen_bfloat16(x: vec2u) -> vec4f {
  return bitcast<vec4f>(vec4u(x.x << 16u, x.x & 0xffff0000u, x.y << 16u, x.y & 0xffff0000u));
}

// Exact.
fn widen_float16(x: vec2u) -> vec4f {
  return vec4f(unpack2x16float(x.x), unpack2x16float(x.y));
}

// Whether numbers, given as bits, are NaN or infinite.
fn no_numbers(bits: vec4u) -> vec4<bool> {
  return (bits & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
}

// The pairs of four halves, each in the lower half of its u32.
fn pairs(x: vec4u) -> vec2u {
  return x.xz | (x.yw << vec2u(16u));
}

// To nearest, halves to even. NaN stays NaN.
fn narrow_bfloat16(x: vec4f) -> vec2u {
  let bits = bitcast<vec4u>(x);
  let rounded = (bits + vec4u(0x7fffu) + ((bits >> vec4u(16u)) & vec4u(1u))) >> vec4u(16u);
  // Rounding could carry NaN over to another number: its uppermost bit of the fraction is set instead.
  let quiet = select(vec4u(), vec4u(0x40u), (bits & vec4u(0x7fffffu)) != vec4u());
  return pairs(select(rounded, (bits >> vec4u(16u)) | quiet, no_numbers(bits)));
}

// The nearest float16, halves to even, of numbers that float16 reaches, as float32. The GPU's own
// conversion rounds as its maker liked: AMD's towards zero.
fn round_float16(x: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(x);
  let carried = bits + vec4u(0xfffu) + ((bits >> vec4u(13u)) & vec4u(1u));
  let near = bitcast<vec4f>(carried & vec4u(0xffffe000u));
  // The smallest stand at equal distances.
  let small = round(x * 0x1p24) * 0x1p-24;
  return select(near, small, abs(x) < vec4f(0x1p-14));
}

// To nearest, halves to even. Finite numbers saturate at ±65504, infinity and NaN stay.
fn narrow_float16(x: vec4f) -> vec2u {
  let bits = bitcast<vec4u>(x);
  let others = no_numbers(bits);
  let finite = clamp(select(x, vec4f(), others), vec4f(-65504.0), vec4f(65504.0));
  let rounded = round_float16(finite);
  let halves = vec2u(pack2x16float(rounded.xy), pack2x16float(rounded.zw));
  let quiet = select(vec4u(), vec4u(0x200u), (bits & vec4u(0x7fffffu)) != vec4u());
  let special = ((bits >> vec4u(16u)) & vec4u(0x8000u)) | vec4u(0x7c00u) | quiet;
  return halves | pairs(select(vec4u(), special, others));
}

