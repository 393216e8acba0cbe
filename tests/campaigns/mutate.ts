/** What may happen to a file: bits that flip, parts that are lost, moved or repeated, wild sizes. */
import { PythonRandom } from "../../lib/random/mod.ts";

/** Sizes, counts and positions that programs trip over, as 64-bit integers. */
const WILD_INTEGERS = [0n, 1n, -1n, 127n, 255n, 65535n, 2n ** 16n, 2n ** 31n - 1n, 2n ** 31n]
  .concat([2n ** 32n - 1n, 2n ** 32n, 2n ** 40n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n]);
const WILD_TEXTS = ["99999999999", "9007199254740993", "-1", "0", "1e308", "1e999", "NaN", "null"]
  .concat(['"', "{", "}", "[]", "\\", "\\ud800", "\0", "\r", "\ufeff", "Infinity", '"messages"']);

type Bytes = Uint8Array<ArrayBuffer>;
type Mutation = (bytes: Bytes, random: PythonRandom) => Bytes;

function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A place in a file; headers and directories lie at its ends, so they are hit more often. */
function place({ length }: Uint8Array, random: PythonRandom): number {
  if (length === 0) return 0;
  const edge = Math.min(length, random.choice([64, 512, 4096]));
  switch (random.randrange(3)) {
    case 0:
      return random.randrange(edge);
    case 1:
      return length - 1 - random.randrange(edge);
    default:
      return random.randrange(length);
  }
}

/** A range that begins at a place, mostly a short one. */
function range(bytes: Uint8Array, random: PythonRandom): [start: number, end: number] {
  const start = place(bytes, random);
  const most = random.choice([4, 64, 4096, bytes.length]);
  return [start, Math.min(bytes.length, start + 1 + random.randrange(Math.max(1, most)))];
}

function replace(bytes: Bytes, start: number, end: number, ...parts: Uint8Array[]): Bytes {
  return concat(bytes.subarray(0, start), ...parts, bytes.subarray(end));
}

function randomBytes(count: number, random: PythonRandom): Uint8Array {
  return Uint8Array.from({ length: count }, () => random.randrange(256));
}

const MUTATIONS: Mutation[] = [
  function flipBits(bytes, random) {
    const copy = bytes.slice();
    for (let count = random.randint(1, 8); count > 0; count--) {
      copy[place(bytes, random)] ^= 1 << random.randrange(8);
    }
    return copy;
  },
  function overwrite(bytes, random) {
    const [start, end] = range(bytes, random);
    return replace(bytes, start, end, randomBytes(end - start, random));
  },
  function truncate(bytes, random) {
    return bytes.slice(0, place(bytes, random));
  },
  function loseTheStart(bytes, random) {
    return bytes.slice(place(bytes, random));
  },
  function remove(bytes, random) {
    return replace(bytes, ...range(bytes, random));
  },
  function insert(bytes, random) {
    const at = place(bytes, random);
    return replace(bytes, at, at, randomBytes(random.randint(1, 100), random));
  },
  function copyElsewhere(bytes, random) {
    const at = place(bytes, random);
    return replace(bytes, at, at, bytes.slice(...range(bytes, random)));
  },
  function repeat(bytes, random) {
    const start = place(bytes, random);
    const part = bytes.slice(start, start + random.randint(1, 3));
    return replace(bytes, start, start, ...Array(random.choice([2, 100, 20_000])).fill(part));
  },
  function swap(bytes, random) {
    const [[a, b], [c, d]] = [range(bytes, random), range(bytes, random)].sort((x, y) =>
      x[0] - y[0]
    );
    const [first, second] = [bytes.slice(a, Math.min(b, c)), bytes.slice(c, d)];
    const between = bytes.slice(Math.min(b, c), c);
    return concat(bytes.subarray(0, a), second, between, first, bytes.subarray(d));
  },
  function writeInteger(bytes, random) {
    const wild = [...WILD_INTEGERS, BigInt(bytes.length), BigInt(bytes.length + 1)];
    const field = new Uint8Array(BigInt64Array.of(BigInt.asIntN(64, random.choice(wild))).buffer);
    const size = random.choice([1, 2, 4, 8]), at = place(bytes, random);
    const isBigEndian = random.randrange(4) === 0;
    const part = field.subarray(0, Math.min(size, bytes.length - at));
    return replace(bytes, at, at + part.length, isBigEndian ? part.toReversed() : part);
  },
  function writeText(bytes, random) {
    const text = new TextEncoder().encode(random.choice(WILD_TEXTS));
    // In the place of a number or word, if one is near.
    let start = place(bytes, random);
    const isWord = (at: number) => /\w/.test(String.fromCharCode(bytes[at] ?? 0));
    for (let steps = 0; !isWord(start) && steps < 100; steps++) start++;
    while (start > 0 && isWord(start - 1)) start--;
    let end = start;
    while (end < bytes.length && isWord(end)) end++;
    return replace(bytes, Math.min(start, bytes.length), end, text);
  },
];

/** Changes a file in one to three ways, which the seed decides; says which. */
export function mutate(bytes: Bytes, seed: number): { bytes: Bytes; ways: string[] } {
  const random = new PythonRandom(seed);
  const ways: string[] = [];
  for (let count = random.choice([1, 1, 1, 2, 3]); count > 0; count--) {
    const mutation = random.choice(MUTATIONS);
    bytes = mutation(bytes, random);
    ways.push(mutation.name);
  }
  return { bytes, ways };
}
