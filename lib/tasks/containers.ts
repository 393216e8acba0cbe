/** Files that hold data in a form of their own, told by their first bytes. */

/** How many of a file's first bytes are looked at. */
export const HEAD_BYTES = 512;

/**
 * The first bytes of each kind of file, as characters of Latin-1, and where they are if not first:
 * as many as a text would hardly begin with.
 */
const SIGNATURES: readonly [name: string, bytes: string, at?: number][] = [
  ["a parquet file", "PAR1"],
  ["an encrypted parquet file", "PARE"],
  ["a zip archive", "PK\x03\x04"],
  ["a zip archive", "PK\x05\x06"],
  ["a tar archive", "ustar", 257],
  ["a 7z archive", "7z\xbc\xaf\x27\x1c"],
  ["a RAR archive", "Rar!\x1a\x07"],
  ["an xz file", "\xfd7zXZ\x00"],
  ["a bzip2 file", "1AY&SY", 4],
  ["an lz4 file", "\x04\x22\x4d\x18"],
  ["a gzip file", "\x1f\x8b"],
  ["a Zstandard file", "\x28\xb5\x2f\xfd"],
  ["a PDF document", "%PDF-"],
  ["a PostScript document", "%!PS"],
  ["an RTF document", "{\\rtf"],
  ["an Office document", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
  ["an Arrow file", "ARROW1\x00\x00"],
  ["an Arrow stream", "\xff\xff\xff\xff"],
  ["an Avro file", "Obj\x01"],
  ["an HDF5 file", "\x89HDF\r\n\x1a\n"],
  ["a NumPy file", "\x93NUMPY"],
  ["an SQLite database", "SQLite format 3\x00"],
  ["a GGUF model", "GGUF\x02\x00"],
  ["a GGUF model", "GGUF\x03\x00"],
  ["a PNG image", "\x89PNG\r\n\x1a\n"],
  ["a JPEG image", "\xff\xd8\xff"],
  ["a GIF image", "GIF87a"],
  ["a GIF image", "GIF89a"],
  ["a program", "\x7fELF"],
];

/**
 * What a file that begins so is, where that is no text: `a zip archive`, `a pickle`.
 *
 * @param head Its first {@linkcode HEAD_BYTES} bytes, fewer if it has no more.
 */
export function containerOf(head: Uint8Array): string | undefined {
  const begins = (bytes: string, at = 0) =>
    bytes.length <= head.length - at &&
    Array.from(bytes).every((character, i) => head[at + i] === character.charCodeAt(0));
  const known = SIGNATURES.find(([, bytes, at]) => begins(bytes, at));
  if (known) return known[0];
  // Python's pickles say their protocol first; safetensors begin with the size of a JSON header.
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return "a pickle";
  if (head[8] === 0x7b && head.subarray(4, 8).every((byte) => byte === 0)) {
    return "a safetensors file";
  }
  return undefined;
}
