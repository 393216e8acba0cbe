/**
 * The letters that stand for bytes in a byte-level `tokenizer.json` (GPT-2's): a printable byte of
 * Latin-1 is itself, the others are the letters from U+0100 on, in order.
 */

const isPrintable = (byte: number) => byte >= 0x21 && byte <= 0x7e || byte >= 0xa1 && byte !== 0xad;

const LETTERS: string[] = [];
for (let byte = 0, others = 0; byte < 256; byte++) {
  LETTERS.push(String.fromCharCode(isPrintable(byte) ? byte : 0x100 + others++));
}
const BYTES = new Map(LETTERS.map((letter, byte) => [letter, String.fromCharCode(byte)]));

/** Bytes, as Latin-1 text, in letters. */
export function toLetters(bytes: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += LETTERS[bytes.charCodeAt(i)];
  return text;
}

/** The bytes, as Latin-1 text, that letters stand for; undefined where one stands for none. */
export function fromLetters(letters: string): string | undefined {
  let text = "";
  for (const letter of letters) {
    const byte = BYTES.get(letter);
    if (byte === undefined) return undefined;
    text += byte;
  }
  return text;
}
