/** Sequences whose keys and values lie in pages, in a disorder and with nothing that may be read between. */
import { type DType, PAGE_ROWS } from "../../lib/device/mod.ts";
import { floats, random, randomInts, Spec } from "./check_operation.ts";

/** How sequences lie in pages. */
export interface Pages {
  /** int32 (B, N) As operations take it; −1 beyond a sequence's rows. */
  pages: Spec;
  /** How many there are: those of the sequences and some of nobody. */
  P: number;
}

/**
 * Pages for sequences of so many rows, which may have up to N pages each.
 *
 * @param shared So many pages at the beginning of each are those of the first.
 */
export function pagesFor(rows: readonly number[], N: number, shared = 0): Pages {
  const P = rows.length * N + 2;
  const order = shuffled(P);
  const values = rows.flatMap((count, b) =>
    Array.from(
      { length: N },
      (_, n) => n * PAGE_ROWS >= count ? -1 : order[n < shared ? n : b * N + n],
    )
  );
  return { pages: new Spec([rows.length, N], Int32Array.from(values)), P };
}

/** A cache in which each sequence has so many rows of random numbers, and all other rows are NaN. */
export function filledCache(
  rows: readonly number[],
  { pages, P }: Pages,
  [Hkv, D]: readonly [number, number],
  dtype: DType = "float32",
): Spec {
  const row = Hkv * D, shape = [P, PAGE_ROWS, Hkv, D];
  const { values } = random(shape, 2, dtype);
  const filled = new Float32Array(values.length).fill(NaN);
  rows.forEach((count, b) => {
    for (const at of rowStarts(count, b, { pages, P }, row)) {
      filled.set(values.subarray(at, at + row), at);
    }
  });
  return floats(shape, filled, dtype);
}

/** The rows of one sequence of a cache, in a cache where it is alone, in other pages. */
export function aloneIn(cache: Spec, b: number, from: Pages, to: Pages, count: number): Spec {
  const [, , Hkv, D] = cache.shape, row = Hkv * D, shape = [to.P, PAGE_ROWS, Hkv, D];
  const values = new Float32Array(to.P * PAGE_ROWS * row).fill(NaN);
  const places = rowStarts(count, 0, to, row);
  rowStarts(count, b, from, row).forEach((at, p) =>
    values.set(cache.values.subarray(at, at + row), places[p])
  );
  return floats(shape, values, cache.dtype);
}

/** Where the rows of sequence b start. */
function rowStarts(count: number, b: number, { pages }: Pages, row: number): number[] {
  const first = b * pages.shape[1];
  return Array.from({ length: count }, (_, p) => {
    const page = pages.values[first + Math.floor(p / PAGE_ROWS)];
    return (page * PAGE_ROWS + p % PAGE_ROWS) * row;
  });
}

/** 0 … count−1 in a random order. */
function shuffled(count: number): number[] {
  const keys = randomInts(count, 1 << 30);
  return [...keys.keys()].sort((a, b) => keys[a] - keys[b]);
}
