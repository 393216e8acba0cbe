/**
 * A hash table from pairs of token ids to a small number, in one flat array: looked up once for
 * every two neighbours of every piece, where a `Map` over combined keys would box each key.
 */
export class PairTable {
  #slots: Int32Array; // left, right, value, unused: four numbers share a cache line
  #mask: number;
  #size = 0;

  /** @param expected How many pairs to make room for; the table grows past it by itself. */
  constructor(expected = 0) {
    const capacity = 1 << Math.max(4, Math.ceil(Math.log2(expected * 2 + 1)));
    this.#slots = new Int32Array(capacity * 4).fill(-1);
    this.#mask = capacity - 1;
  }

  /** How many pairs the table holds. */
  get size(): number {
    return this.#size;
  }

  /** The value of a pair, or -1. */
  get(left: number, right: number): number {
    return this.#slots[this.#find(left, right) + 2];
  }

  /** Gives a pair its value, which must not be negative. */
  set(left: number, right: number, value: number): void {
    let at = this.#find(left, right);
    if (this.#slots[at + 2] < 0) {
      if (++this.#size * 2 > this.#mask) {
        this.#grow();
        at = this.#find(left, right);
      }
      this.#slots[at] = left;
      this.#slots[at + 1] = right;
    }
    this.#slots[at + 2] = value;
  }

  /** Where the pair is, or the free slot it would take (linear probing). */
  #find(left: number, right: number): number {
    const slots = this.#slots;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & this.#mask;; slot = (slot + 1) & this.#mask) {
      const at = slot * 4;
      if (slots[at + 2] < 0 || (slots[at] === left && slots[at + 1] === right)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2).fill(-1);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < old.length; at += 4) {
      if (old[at + 2] >= 0) {
        this.#slots.set(old.subarray(at, at + 3), this.#find(old[at], old[at + 1]));
      }
    }
  }
}
