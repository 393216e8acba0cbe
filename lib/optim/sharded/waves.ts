/**
 * What ranks hand each other at a time.
 *
 * @module
 */
import type { OptimizerParameter } from "../groups.ts";
import type { Stretch } from "./ownership.ts";

/**
 * Elements that a rank sends or receives at a time: bounds what the host holds. Much larger buffers
 * also cost more an element, for the system gives them fresh memory each time.
 */
const MOST_AT_ONCE = 8 << 20;

/** Whole rows of a stretch. */
export interface Piece {
  /** Of which stretch. */
  stretch: Stretch;
  /** Its first element in the parameter. */
  start: number;
  /** How many elements. */
  count: number;
}

/** Pieces that go together, by the rank that updates them. */
export type Wave = readonly (readonly Piece[])[];

/**
 * Divides what ranks update into waves, in each of which every rank has a like share.
 *
 * @param stretches What each rank updates, by rank.
 */
export function wavesOf(stretches: readonly (readonly Stretch[])[]): Wave[] {
  const waves: Piece[][][] = [];
  let size = Infinity;
  const most = Math.max(...stretches.map(({ length }) => length));
  for (let i = 0; i < most; i++) {
    const unit = stretches.map((its) => its.slice(i, i + 1));
    const largest = Math.max(...unit.flat().map(({ count }) => count));
    // Whoever updates a piece gets it from every rank.
    const elements = stretches.length * largest;
    const cuts = Math.ceil(elements / MOST_AT_ONCE);
    for (let cut = 0; cut < cuts; cut++) {
      if (size + elements / cuts > MOST_AT_ONCE) {
        waves.push(stretches.map(() => []));
        size = 0;
      }
      size += elements / cuts;
      for (const [rank, its] of unit.entries()) {
        const pieces = its.map((stretch) => pieceOf(stretch, cut, cuts));
        waves.at(-1)![rank].push(...pieces.filter(({ count }) => count > 0));
      }
    }
  }
  return waves;
}

function pieceOf(stretch: Stretch, cut: number, cuts: number): Piece {
  const width = widthOf(stretch.parameter), rows = stretch.count / width;
  const [from, to] = [cut, cut + 1].map((cut) => width * Math.floor(rows * cut / cuts));
  return { stretch, start: stretch.start + from, count: to - from };
}

/** Elements of a row. */
export function widthOf({ shape: [rows], value: { size } }: OptimizerParameter): number {
  return size / rows;
}
