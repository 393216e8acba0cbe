import { assertEquals } from "@std/assert";
import { crc32 as zlib } from "node:zlib";
import { crc32 } from "../../lib/checkpoint/crc32.ts";

Deno.test("the checksum is zlib's, at every length, place and in pieces", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 151 + 7) & 0xff);
  for (let start = 0; start < 6; start++) {
    for (let end = start; end <= bytes.length; end++) {
      const part = bytes.subarray(start, end);
      assertEquals(crc32(part), zlib(part));
      const middle = part.length >> 1;
      assertEquals(crc32(part.subarray(middle), crc32(part.subarray(0, middle))), zlib(part));
    }
  }
});
