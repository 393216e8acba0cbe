import { assert, assertEquals } from "@std/assert";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../lib/checkpoint/mod.ts";

/** The value of a 16-bit float, from the definition of its fields. */
function decode(bits: number, exponentBits: number): number {
  const mantissaBits = 15 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> mantissaBits;
  const mantissa = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  if (exponent === 2 ** exponentBits - 1) return mantissa ? NaN : sign * Infinity;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias);
  return sign * (1 + mantissa) * 2 ** (exponent - bias);
}

const formats = [
  { name: "bfloat16", exponentBits: 8, widen: bfloat16ToFloat32, narrow: float32ToBfloat16 },
  { name: "float16", exponentBits: 5, widen: float16ToFloat32, narrow: float32ToFloat16 },
];

for (const { name, exponentBits, widen, narrow } of formats) {
  const allBits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);

  Deno.test(`every ${name} widens to its exact value and narrows back to its bits`, () => {
    const values = widen(allBits);
    const back = narrow(values);
    for (const bits of allBits) {
      const expected = decode(bits, exponentBits);
      if (!Object.is(values[bits], expected)) throw new Error(`${bits}: ${values[bits]}`);
      if (!isNaN(expected)) assert(back[bits] === bits, `${bits} came back as ${back[bits]}`);
      else assert(isNaN(widen(back.slice(bits, bits + 1))[0]));
    }
  });

  Deno.test(`between two ${name} numbers the nearest is taken, at the middle the even one`, () => {
    // Positive finite neighbours a < b; the last b is infinity, whose place is the next power.
    const infinity = (2 ** exponentBits - 1) << (15 - exponentBits);
    const values = Float64Array.from({ length: infinity + 1 }, (_, i) => decode(i, exponentBits));
    values[infinity] = 2 ** (2 ** (exponentBits - 1));
    const inputs = [];
    const expected = [];
    for (let bits = 0; bits < infinity; bits++) {
      const middle = (values[bits] + values[bits + 1]) / 2;
      // The float32 neighbours of the middle, which float32 holds exactly.
      const word = new Uint32Array(Float32Array.of(middle).buffer)[0];
      const [below, above] = new Float32Array(Uint32Array.of(word - 1, word + 1).buffer);
      if (Math.fround(middle) !== middle || word === 0) continue;
      inputs.push(below, middle, above, -middle);
      const even = bits % 2 === 0 ? bits : bits + 1;
      expected.push(bits, even, bits + 1, even | 0x8000);
    }
    assert(inputs.length > 100_000);
    assertEquals(narrow(Float32Array.from(inputs)), Uint16Array.from(expected));
  });
}

Deno.test("a NaN with the lowest payload does not round to infinity", () => {
  const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001, 0x7fffffff).buffer);
  for (const bits of float32ToBfloat16(nan)) assert((bits & 0x7fff) > 0x7f80);
});

Deno.test("conversions look at the view they are given, not at its whole buffer", () => {
  const values = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
  assertEquals(float32ToBfloat16(values), Uint16Array.of(0x3f80, 0x4000));
  assertEquals(float32ToFloat16(values), Uint16Array.of(0x3c00, 0x4000));
  const bits = Uint16Array.of(9, 0x3c00, 9).subarray(1, 2);
  assertEquals(float16ToFloat32(bits), Float32Array.of(1));
});
