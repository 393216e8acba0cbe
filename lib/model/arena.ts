/**
 * Memory planned once: the tensors of one pass, allocated together and freed together, so that a
 * training step allocates nothing.
 *
 * @module
 */
import type { Device, DType, Tensor } from "../device/mod.ts";

/** The tensors of one pass. */
export class Arena {
  readonly #tensors: Tensor[] = [];

  /** An empty arena on a device. */
  constructor(readonly device: Device) {}

  /** Allocates a tensor that lives as long as the arena. If it fails, the arena is freed. */
  tensor(name: string, shape: readonly number[], dtype?: DType): Tensor {
    try {
      const tensor = this.device.allocate(name, shape, dtype);
      this.#tensors.push(tensor);
      return tensor;
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Gives all of it back. */
  free(): void {
    for (const tensor of this.#tensors.splice(0)) this.device.free(tensor);
  }
}
