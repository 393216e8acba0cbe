/** Bytes taken at a time. */
const STRIDE = 16;

/** What each byte does to the checksum when 0 to 15 more bytes follow it, 256 entries each. */
const TABLE = new Int32Array(STRIDE * 256);
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  TABLE[byte] = value;
}
for (let entry = 256; entry < TABLE.length; entry++) {
  const before = TABLE[entry - 256];
  TABLE[entry] = (before >>> 8) ^ TABLE[before & 0xff];
}

/**
 * The checksum of zip archives (CRC-32 of ISO 3309).
 *
 * @param bytes What to sum up.
 * @param before The checksum of what came before.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(
    aligned.buffer,
    aligned.byteOffset,
    Math.floor(bytes.length / STRIDE) * (STRIDE / 4),
  );
  const T = TABLE;
  let crc = ~before;
  // By hand: a loop over the four words takes three times as long.
  for (let i = 0; i < words.length; i += 4) {
    const a = words[i] ^ crc, b = words[i + 1], c = words[i + 2], d = words[i + 3];
    crc = T[0xf00 | a & 0xff] ^ T[0xe00 | (a >>> 8) & 0xff] ^
      T[0xd00 | (a >>> 16) & 0xff] ^ T[0xc00 | a >>> 24] ^
      T[0xb00 | b & 0xff] ^ T[0xa00 | (b >>> 8) & 0xff] ^
      T[0x900 | (b >>> 16) & 0xff] ^ T[0x800 | b >>> 24] ^
      T[0x700 | c & 0xff] ^ T[0x600 | (c >>> 8) & 0xff] ^
      T[0x500 | (c >>> 16) & 0xff] ^ T[0x400 | c >>> 24] ^
      T[0x300 | d & 0xff] ^ T[0x200 | (d >>> 8) & 0xff] ^
      T[0x100 | (d >>> 16) & 0xff] ^ T[d >>> 24];
  }
  for (const byte of bytes.subarray(words.byteLength)) crc = (crc >>> 8) ^ T[(crc ^ byte) & 0xff];
  return ~crc >>> 0;
}
