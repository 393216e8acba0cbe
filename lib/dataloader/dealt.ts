/**
 * Going on with the loaders of several processes by another number of them.
 *
 * @module
 */
import type { PackedLoaderState } from "./packed_loader.ts";

/** A conversation of a pass, counted through all passes. */
type Position = number;

/**
 * Where the loaders of `worldSize` processes begin, so that together they go on where others stopped:
 * every conversation of a pass that was not placed is placed once.
 *
 * In positions through all passes: before the furthest that was read, what waits and what was not read
 * yet is dealt out in order and waits with the new loaders; from there on they read as loaders do, each the
 * positions that are its rank modulo their number.
 *
 * @param states Where the loaders stopped, in the order of their ranks.
 * @returns Where the new ones begin, by rank; `states` themselves where the number is the same.
 *
 * @example
 * ```ts
 * import { dealt } from "@nanochat/sft/dataloader";
 * import { assertEquals } from "@std/assert";
 *
 * const state = { datasetLength: 10, cursor: 4, consumed: 1, epoch: 1, buffer: [0, 2, 3] };
 * const [first, second] = dealt([state], 2);
 * assertEquals([first.buffer, first.cursor, first.consumed], [[2], 4, 2]);
 * assertEquals([second.buffer, second.cursor, second.consumed], [[0, 3], 5, 1]);
 * ```
 */
export function dealt(
  states: readonly PackedLoaderState[],
  worldSize: number,
): PackedLoaderState[] {
  if (states.length === worldSize) return [...states];
  const { datasetLength, checksum } = states[0];
  const cursors = states.map(({ cursor, epoch }) => cursor + (epoch - 1) * datasetLength);
  // Behind the last that was read: the next cursor of its rank is as many further as there are ranks.
  const base = Math.max(...cursors) - states.length + 1;
  const waiting = states.flatMap(({ buffer, epoch }, rank) => [
    ...buffer.map((index) => index + (epoch - 1) * datasetLength),
    ...positions(cursors[rank], base, states.length),
  ]).sort((a, b) => a - b);
  // As though those that are placed were the first: the rest follows them up to the base.
  const placed = base - waiting.length;
  return Array.from({ length: worldSize }, (_, rank): PackedLoaderState => {
    const consumed = firstFrom(placed, rank, worldSize), cursor = firstFrom(base, rank, worldSize);
    const own = positions(consumed, base, worldSize).map((position) => waiting[position - placed]);
    // What waits of a pass goes before the next one.
    const pass = Math.floor((own.at(0) ?? cursor) / datasetLength);
    return {
      datasetLength,
      checksum,
      cursor: cursor - pass * datasetLength,
      consumed,
      epoch: pass + 1,
      buffer: own.map((position) => position % datasetLength),
    };
  });
}

/** Positions from one on, in steps, below an end. */
function positions(from: Position, end: Position, step: number): Position[] {
  const count = Math.max(0, Math.ceil((end - from) / step));
  return Array.from({ length: count }, (_, i) => from + i * step);
}

/** The first position from one on that is a rank's. */
function firstFrom(from: Position, rank: number, worldSize: number): Position {
  return from + (rank - from % worldSize + worldSize) % worldSize;
}
