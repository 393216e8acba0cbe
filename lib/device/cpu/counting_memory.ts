/**
 * A memory that only counts.
 *
 * @module
 */
import { RESERVED } from "./control.ts";
import { CpuMemory } from "./memory.ts";

/**
 * Gives addresses as {@link CpuMemory} does, without an end and with nothing at them: what is read
 * is zero, what is written is lost.
 */
export class CountingMemory extends CpuMemory {
  override readonly limit: number = Infinity;

  /** Reserves no addresses. */
  constructor() {
    super(RESERVED);
  }

  override float32(_pointer: number, count: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(new SharedArrayBuffer(4 * count));
  }

  override int32(_pointer: number, count: number): Int32Array<SharedArrayBuffer> {
    return new Int32Array(new SharedArrayBuffer(4 * count));
  }

  override number(): number {
    return 0;
  }

  protected override clear(): void {}

  protected override reach(): void {}
}
