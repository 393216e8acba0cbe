/**
 * Which elements of which gradient go from one rank to another.
 *
 * @module
 */
import { type Piece, widthOf } from "./waves.ts";

/** A part of a message: some of a parameter's gradient. */
export interface Segment {
  /** The piece that the receiver sums. */
  piece: Piece;
  /** How many elements are sent. */
  count: number;
  /**
   * Which rows of the parameter they are, in order: of the piece, those that the sender touched.
   * Undefined where all are sent.
   */
  rows?: Int32Array;
}

/** Rows that each rank touched, by the name of the table and then by rank; all, where undefined. */
export type TouchedRows = ReadonlyMap<string, readonly Int32Array[]>;

/**
 * What one rank sends another of some pieces. Of a table of which it touched few rows, those.
 *
 * @param pieces What the receiver sums.
 * @param from The sender.
 */
export function segmentsOf(
  pieces: readonly Piece[],
  touched: TouchedRows,
  from: number,
): Segment[] {
  return pieces.map((piece) => {
    const { stretch: { parameter }, start, count } = piece;
    const rows = touched.get(parameter.name)?.[from];
    if (!rows) return { piece, count };
    const width = widthOf(parameter);
    const [first, end] = [start / width, (start + count) / width];
    const inside = rows.subarray(lowerBound(rows, first), lowerBound(rows, end));
    return inside.length * width < count
      ? { piece, count: inside.length * width, rows: inside }
      : { piece, count };
  });
}

/** Elements of a message. */
export function lengthOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { count }) => sum + count, 0);
}

/** Copies what is sent into a message. */
export function pack(
  segments: readonly Segment[],
  gradients: ReadonlyMap<string, Float32Array>,
): Float32Array {
  const message = new Float32Array(lengthOf(segments));
  let place = 0;
  for (const { piece: { stretch: { parameter }, start }, count, rows } of segments) {
    const gradient = gradients.get(parameter.name)!;
    if (!rows) message.set(gradient.subarray(start, start + count), place);
    else {
      const width = widthOf(parameter);
      for (const [i, row] of rows.entries()) {
        message.set(gradient.subarray(row * width, (row + 1) * width), place + i * width);
      }
    }
    place += count;
  }
  return message;
}

/**
 * Adds what was sent to the sums of its pieces. One that has no sum yet begins with it: where all of
 * it was sent, in the message's own memory.
 */
export function addTo(
  sums: Map<Piece, Float32Array>,
  segments: readonly Segment[],
  message: Float32Array,
): void {
  let place = 0;
  for (const { piece, count, rows } of segments) {
    const sum = sums.get(piece);
    if (rows) {
      const all = sum ?? new Float32Array(piece.count);
      const width = widthOf(piece.stretch.parameter);
      for (const [i, row] of rows.entries()) {
        add(all, row * width - piece.start, message, place + i * width, width);
      }
      sums.set(piece, all);
    } else if (sum) add(sum, 0, message, place, count);
    else sums.set(piece, message.subarray(place, place + count));
    place += count;
  }
}

function add(sum: Float32Array, to: number, values: Float32Array, from: number, count: number) {
  for (let i = 0; i < count; i++) sum[to + i] += values[from + i];
}

/** Where in a sorted list the numbers from one on begin. */
function lowerBound(sorted: Int32Array, number: number): number {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
