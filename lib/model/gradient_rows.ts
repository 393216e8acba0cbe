/**
 * The rows of an embedding table that a step has a gradient for, where they are fewer than the table's.
 *
 * @module
 */
import type { Device, Tensor } from "../device/mod.ts";

/** Where in a gradient of few rows those of a table's are. */
export class GradientRows {
  /** int32 (V) The gradient's row of each of the table's; −1 where it is zero. */
  readonly rows: Tensor;
  /** The same, on the host. */
  readonly #places: Int32Array;
  #count = 0;

  /**
   * Allocates the places.
   *
   * @param name What a row of the table is of, in one word.
   * @param V Rows of the table.
   */
  constructor(private readonly device: Device, name: string, V: number) {
    this.rows = device.allocate(`gradient rows of ${name}s`, [V], "int32");
    this.#places = new Int32Array(V);
  }

  /** Begins a step that touches these rows of the table, in order. */
  begin(touched: Int32Array): void {
    this.#places.fill(-1);
    for (const [place, row] of touched.entries()) this.#places[row] = place;
    this.#count = touched.length;
    this.device.write(this.rows, this.#places);
  }

  /** The rows of the gradient for rows of the table. */
  of(rows: Int32Array): Int32Array {
    return rows.map((row) => this.#places[row]);
  }

  /** The part of a gradient that is in use. */
  used(gradient: Tensor): Tensor {
    return this.device.view(gradient, [this.#count, ...gradient.shape.slice(1)]);
  }

  /** Gives the memory back. */
  free(): void {
    this.device.free(this.rows);
  }
}
