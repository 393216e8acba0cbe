import { assert, assertEquals, assertThrows } from "@std/assert";
import { DocumentLoader } from "../../lib/base/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { PythonRandom } from "../../lib/random/mod.ts";

const BOS = 0;

/** Documents of 1 to `longest` tokens, every token but bos occurring once in all. */
function randomDocuments(count: number, longest: number, seed = 1): Int32Array[] {
  const random = new PythonRandom(seed);
  let token = 1;
  return Array.from({ length: count }, () => {
    const length = random.randint(1, longest);
    return Int32Array.from({ length }, (_, i) => i === 0 ? BOS : token++);
  });
}

/**
 * nanochat's rule, word by word: rows of so many tokens from a list of lists; but a pass is placed
 * before the next one is read.
 */
function packPlainly(
  documents: number[][],
  rows: number,
  rowLength: number,
  bufferSize: number,
): number[][] {
  const buffer: number[][] = [];
  let next = 0;
  return Array.from({ length: rows }, () => {
    const row: number[] = [];
    while (row.length < rowLength) {
      while (buffer.length < bufferSize && (next % documents.length > 0 || buffer.length === 0)) {
        buffer.push(documents[next++ % documents.length]);
      }
      const space = rowLength - row.length;
      const fitting = buffer.filter((document) => document.length <= space);
      const most = Math.max(...fitting.map(({ length }) => length));
      const least = Math.min(...buffer.map(({ length }) => length));
      const chosen = buffer.findIndex(({ length }) =>
        length === (fitting.length > 0 ? most : least)
      );
      row.push(...buffer.splice(chosen, 1)[0].slice(0, space));
    }
    return row;
  });
}

/** Rows of T+1 tokens, put together again from a loader's inputs and targets. */
function rowsOf(loader: DocumentLoader, batches: number, B: number, T: number): number[][] {
  return Array.from({ length: batches }, () => {
    const { x, y } = loader.next();
    return Array.from({ length: B }, (_, b) => {
      assertEquals(x.subarray(b * T + 1, (b + 1) * T), y.subarray(b * T, (b + 1) * T - 1));
      return [...x.subarray(b * T, (b + 1) * T), y[(b + 1) * T - 1]];
    });
  }).flat();
}

for (const [count, longest, bufferSize] of [[300, 40, 20], [300, 90, 50], [7, 33, 10]]) {
  Deno.test(`${count} documents of up to ${longest} tokens are packed by nanochat's rule`, () => {
    const documents = randomDocuments(count, longest);
    const B = 3, T = 32, batches = 12;
    const loader = new DocumentLoader(documents, { B, T, bufferSize });
    const plain = packPlainly(documents.map((ids) => [...ids]), B * batches, T + 1, bufferSize);
    assertEquals(rowsOf(loader, batches, B, T), plain);
  });
}

for (const count of [2, 20, 100, 1500]) {
  Deno.test(`each of ${count} documents is placed once a pass`, () => {
    for (const seed of [1, 2, 3]) {
      const documents = randomDocuments(count, 70, seed);
      const loader = new DocumentLoader(documents, { B: 1, T: 32 });
      const placed: number[] = [];
      while (placed.length < 3 * count) {
        const batch = loader.next();
        placed.push(...batch.documents);
        assertEquals(batch.progress, placed.length / count);
        const [first, second] = batch.documents;
        const token = documents[first][1] ?? documents[second]?.[0];
        if (token !== undefined) assertEquals(batch.x[1], token);
      }
      const all = documents.map((_, i) => i);
      for (let pass = 0; pass < 3; pass++) {
        const ofPass = placed.slice(pass * count, (pass + 1) * count);
        assertEquals(ofPass.sort((a, b) => a - b), all);
      }
    }
  });
}

Deno.test("rows begin with bos, and only the last document of a row is cut", () => {
  const documents = randomDocuments(500, 60);
  const whole = new Set(documents.map((ids) => ids.join()));
  const starts = new Set(documents.map((ids) => ids.slice(0, 2).join()));
  const loader = new DocumentLoader(documents, { B: 4, T: 100 });
  for (const row of rowsOf(loader, 3, 4, 100)) {
    assertEquals(row[0], BOS);
    const parts = row.join().split(/,(?=0(?:,|$))/);
    for (const part of parts.slice(0, -1)) assert(whole.has(part));
    const last = parts.at(-1)!.split(",");
    assert(last.length === 1 || starts.has(last.slice(0, 2).join()));
  }
});

Deno.test("progress counts placed documents, and the epoch follows it", () => {
  const documents = Array.from({ length: 10 }, (_, i) => Int32Array.of(BOS, i + 1));
  const loader = new DocumentLoader(documents, { B: 1, T: 3, bufferSize: 4 });
  const batches = Array.from({ length: 6 }, () => loader.next());
  assertEquals(batches.map(({ progress }) => progress), [0.2, 0.4, 0.6, 0.8, 1, 1.2]);
  assertEquals(batches.map(({ epoch }) => epoch), [1, 1, 1, 1, 2, 2]);
});

for (const [count, worldSize] of [[20, 2], [101, 3], [1500, 8], [3, 8], [1, 2]]) {
  Deno.test(`each of ${count} documents is placed once a pass by ${worldSize} ranks`, () => {
    const documents = randomDocuments(count, 70), passes = 3;
    const placed: number[][] = Array.from({ length: passes }, () => []);
    for (let rank = 0; rank < worldSize; rank++) {
      const loader = new DocumentLoader(documents, { B: 1, T: 32, rank, worldSize });
      // Counted through all passes, a rank's documents are rank, rank + worldSize, ….
      let counted = rank;
      while (counted < passes * count) {
        const batch = loader.next();
        for (const index of batch.documents) {
          placed[Math.floor(counted / count)]?.push(index);
          counted += worldSize;
        }
        assertEquals(batch.progress, counted / count);
        assertEquals(batch.epoch, Math.floor(counted / count) + 1);
      }
    }
    const all = documents.map((_, i) => i);
    for (const ofPass of placed) assertEquals(ofPass.sort((a, b) => a - b), all);
  });
}

Deno.test("without documents there is nothing to load", () => {
  assertThrows(() => new DocumentLoader([], { B: 1, T: 8 }), UserError, "no documents");
});
