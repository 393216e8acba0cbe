/**
 * A memory that only counts.
 *
 * @module
 */
import { RESERVED } from "./control.ts";
import { CpuMemory } from "./memory.ts";

/**
 * Gives addresses as {@link CpuMemory} does, with nothing at them: what is read is zero, what is
 * written is lost.
 */
export class CountingMemory extends CpuMemory {
  /** @param limit Up to how many bytes are counted. */
  constructor(override readonly limit: number) {
    super(32, RESERVED);
  }

  override float32(_pointer: number, count: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(new SharedArrayBuffer(4 * count));
  }

  override int32(_pointer: number, count: number): Int32Array<SharedArrayBuffer> {
    return new Int32Array(new SharedArrayBuffer(4 * count));
  }

  override bfloat16(_pointer: number, count: number): Uint16Array<SharedArrayBuffer> {
    return new Uint16Array(new SharedArrayBuffer(2 * count));
  }

  override number(): number {
    return 0;
  }

  protected override clear(): void {}

  protected override reach(): void {}
}
