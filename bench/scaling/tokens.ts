/**
 * How many rows of a token table a batch touches.
 *
 * Tokens are drawn by Zipf's law with Mandelbrot's shift: the token with id i (ids of a byte-pair
 * vocabulary go by how early a pair was merged, so roughly by how often it is) has a probability in
 * proportion to 1 / (i + 2.7).
 */
import { PythonRandom } from "../../lib/random/mod.ts";

const SHIFT = 2.7;

/**
 * The distinct tokens that are to be expected among so many, in parts of a table.
 *
 * @param tokens How many are drawn.
 * @param rows Rows of the table.
 * @param parts In how many equal parts it is cut.
 * @returns Distinct tokens in each.
 */
export function distinctTokens(tokens: number, rows: number, parts: number): number[] {
  let total = 0;
  for (let i = 0; i < rows; i++) total += 1 / (i + SHIFT);
  const rowsOfPart = rows / parts;
  return Array.from({ length: parts }, (_, part) => {
    let distinct = 0;
    for (let i = part * rowsOfPart; i < (part + 1) * rowsOfPart; i++) {
      distinct += 1 - Math.exp(-tokens / (i + SHIFT) / total);
    }
    return distinct;
  });
}

/**
 * Draws tokens and gives the distinct ones, in order.
 *
 * @param seed Of the draw.
 */
export function drawTokens(tokens: number, rows: number, seed: number): Int32Array {
  const random = new PythonRandom(seed);
  const upTo = new Float64Array(rows);
  let total = 0;
  for (let i = 0; i < rows; i++) upTo[i] = total += 1 / (i + SHIFT);
  const distinct = new Set<number>();
  for (let i = 0; i < tokens; i++) {
    const drawn = random.random() * total;
    let low = 0, high = rows - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] <= drawn) low = middle + 1;
      else high = middle;
    }
    distinct.add(low);
  }
  return Int32Array.from(distinct).sort();
}
