/**
 * The shared WebAssembly memory all tensors lie in, and who has which part of it.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { RESERVED } from "./control.ts";

/** Bits of an address in a memory. */
export type AddressBits = 32 | 64;

const PAGE = 65536;
/** 4 GiB, all that 32 bits address, and 16 GiB, the most that V8 gives a memory. */
const MAXIMUM_PAGES: Record<AddressBits, number> = { 32: 1 << 16, 64: 1 << 18 };
/** Tensors start at cache lines. */
const ALIGNMENT = 64;

/** A part of memory. */
interface Block {
  pointer: number;
  bytes: number;
}

/** One growing shared memory and an allocator: first fit among freed blocks, else from the end. */
export class CpuMemory {
  /** The memory itself, which every thread's module imports. */
  readonly memory: WebAssembly.Memory;
  /** Bytes allocated now. */
  used = 0;
  /** How many bytes it may have. */
  readonly limit: number;
  /** Freed blocks in the order of their addresses, never touching each other. */
  #free: Block[] = [];
  /** Everything from here on was never used and is zero. */
  #end = RESERVED;
  #view: DataView<SharedArrayBuffer>;

  /**
   * @param addressBits 32 for a memory of at most 4 GiB, 64 for one of 16 where V8 has such.
   * @param maxBytes How much it may have; as much as it can, unless given.
   */
  constructor(readonly addressBits: AddressBits = 32, maxBytes = Infinity) {
    this.limit = Math.min(maxBytes, MAXIMUM_PAGES[addressBits] * PAGE);
    const maximum = Math.ceil(this.limit / PAGE);
    this.memory = new WebAssembly.Memory(
      addressBits === 32 ? { initial: 1, maximum, shared: true } : wide(maximum),
    );
    this.#view = new DataView(this.#buffer);
  }

  /** Bytes taken from the system so far, with the gaps between allocations; it gives none back. */
  get peak(): number {
    return this.#end;
  }

  get #buffer(): SharedArrayBuffer {
    return this.memory.buffer as unknown as SharedArrayBuffer;
  }

  /**
   * Takes zeroed memory.
   *
   * @param name What it is for, for the message.
   * @throws {UserError} when there is no room for it.
   */
  allocate(name: string, bytes: number): number {
    const rounded = roundUp(bytes);
    const pointer = this.#reuse(rounded) ?? this.#extend(name, rounded);
    this.used += rounded;
    return pointer;
  }

  /** Gives back what {@link allocate} gave. */
  free(pointer: number, bytes: number): void {
    const block = { pointer, bytes: roundUp(bytes) };
    this.used -= block.bytes;
    const at = this.#free.findIndex((other) => other.pointer > pointer);
    const index = at < 0 ? this.#free.length : at;
    this.#free.splice(index, 0, block);
    this.#merge(index);
    this.#merge(index - 1);
  }

  /** `count` numbers at an address. */
  float32(pointer: number, count: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(this.#buffer, pointer, count);
  }

  /** `count` whole numbers at an address. */
  int32(pointer: number, count: number): Int32Array<SharedArrayBuffer> {
    return new Int32Array(this.#buffer, pointer, count);
  }

  /** `count` bfloat16 numbers at an address, as their bits. */
  bfloat16(pointer: number, count: number): Uint16Array<SharedArrayBuffer> {
    return new Uint16Array(this.#buffer, pointer, count);
  }

  /** One number. */
  number(pointer: number): number {
    return this.#view.getFloat32(pointer, true);
  }

  /** The start of the first freed block that is large enough, zeroed. */
  #reuse(bytes: number): number | undefined {
    const index = this.#free.findIndex((block) => block.bytes >= bytes);
    if (index < 0) return undefined;
    const block = this.#free[index];
    const { pointer } = block;
    if (block.bytes === bytes) this.#free.splice(index, 1);
    else this.#free[index] = { pointer: pointer + bytes, bytes: block.bytes - bytes };
    this.clear(pointer, bytes);
    return pointer;
  }

  #extend(name: string, bytes: number): number {
    const end = this.#end + bytes;
    if (end > this.limit) {
      throw new UserError(
        `The CPU device cannot hold ${name} (${mebibytes(bytes)}): with it ` +
          `${mebibytes(this.used + bytes)} are needed and ${mebibytes(this.limit)} is the most ` +
          "it has",
        { detail: { kind: "memory", tensor: name, bytes, limit: this.limit } },
      );
    }
    this.reach(name, end);
    const pointer = this.#end;
    this.#end = end;
    return pointer;
  }

  /** Sets bytes to zero. */
  protected clear(pointer: number, bytes: number): void {
    new Uint8Array(this.#buffer, pointer, bytes).fill(0);
  }

  /** Makes sure that there are so many bytes. */
  protected reach(name: string, end: number): void {
    const missing = end - this.#buffer.byteLength;
    if (missing <= 0) return;
    const pages = Math.ceil(missing / PAGE);
    try {
      const wanted = this.addressBits === 32 ? pages : BigInt(pages);
      this.memory.grow(wanted as number);
    } catch {
      throw new UserError(
        `The system gave no more memory for ${name}: the CPU device has ` +
          `${mebibytes(this.#buffer.byteLength)} and asked for ${mebibytes(pages * PAGE)} more`,
        { detail: { kind: "memory", tensor: name, bytes: pages * PAGE } },
      );
    }
    this.#view = new DataView(this.#buffer);
  }

  /** Joins a free block with the next one if they touch. */
  #merge(index: number): void {
    const block = this.#free[index], next = this.#free[index + 1];
    if (!block || !next || block.pointer + block.bytes !== next.pointer) return;
    this.#free.splice(index, 2, { pointer: block.pointer, bytes: block.bytes + next.bytes });
  }
}

/** A memory with 64-bit addresses counts its pages in bigints, which TypeScript does not know. */
function wide(maximum: number): WebAssembly.MemoryDescriptor {
  const descriptor = { address: "i64", initial: 1n, maximum: BigInt(maximum), shared: true };
  return descriptor as unknown as WebAssembly.MemoryDescriptor;
}

function roundUp(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
