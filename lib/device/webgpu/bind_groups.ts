/**
 * Bind groups that are kept from one dispatch to the next.
 *
 * @module
 */

/**
 * Most that are kept, of 3 KB each. A training step of the largest models has fewer, the same each
 * time; an engine needs others for prompts of every length.
 */
const MOST = 2 ** 14;

/**
 * Bind groups by key. Each goes with the first of the allocations that it binds, or as the oldest of
 * too many.
 */
export class BindGroups {
  /** Bind groups by key, with the numbers of the allocations that they bind. */
  readonly #groups = new Map<string, { group: GPUBindGroup; bound: ReadonlySet<number> }>();
  /** The keys of each allocation. */
  readonly #keys = new Map<number, Set<string>>();

  /** How many bind groups are kept, and how many keys to find those of an allocation. */
  get cached(): { bindGroups: number; keys: number } {
    const keys = this.#keys.values().reduce((sum, { size }) => sum + size, 0);
    return { bindGroups: this.#groups.size, keys };
  }

  /** The bind group of a key, if it is kept. */
  get(key: string): GPUBindGroup | undefined {
    return this.#groups.get(key)?.group;
  }

  /** Keeps a bind group of allocations of these numbers. */
  set(key: string, group: GPUBindGroup, bound: ReadonlySet<number>): void {
    if (this.#groups.size >= MOST) this.#drop(this.#groups.keys().next().value!);
    this.#groups.set(key, { group, bound });
    for (const id of bound) {
      let keys = this.#keys.get(id);
      if (!keys) this.#keys.set(id, keys = new Set());
      keys.add(key);
    }
  }

  /** Lets every bind group of an allocation go, wherever it is remembered. */
  forget(allocation: number): void {
    for (const key of [...this.#keys.get(allocation) ?? []]) this.#drop(key);
  }

  #drop(key: string): void {
    for (const id of this.#groups.get(key)!.bound) {
      const keys = this.#keys.get(id)!;
      keys.delete(key);
      if (keys.size === 0) this.#keys.delete(id);
    }
    this.#groups.delete(key);
  }
}
