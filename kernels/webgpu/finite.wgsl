// Numbers that are none: NaN and the infinities have all bits of the exponent. Comparisons would not
// do, since compilers may take every number to be finite.

//# if WIDTH == 4
alias Bits = vec4u;

fn not_finite(bits: Bits) -> vec4<bool> {
  return (bits & Bits(0x7f800000u)) == Bits(0x7f800000u);
}
//# else
alias Bits = u32;

fn not_finite(bits: Bits) -> bool {
  return (bits & 0x7f800000u) == 0x7f800000u;
}
//# end

