/** A binary min-heap of number pairs, ordered by the first and among equals by the second. */
export class PairHeap {
  #entries: Float64Array;
  #size = 0;

  /** @param capacity Entries to make room for; the heap grows past it by itself. */
  constructor(capacity = 16) {
    this.#entries = new Float64Array(Math.max(1, capacity) * 2);
  }

  /** How many entries the heap holds. */
  get size(): number {
    return this.#size;
  }

  /** The first number of the smallest entry. */
  get first(): number {
    return this.#entries[0];
  }

  /** The second number of the smallest entry. */
  get second(): number {
    return this.#entries[1];
  }

  /** Adds an entry. */
  push(first: number, second: number): void {
    if (this.#size * 2 === this.#entries.length) {
      const larger = new Float64Array(this.#entries.length * 2);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    const heap = this.#entries;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentFirst = heap[parent * 2];
      if (parentFirst < first || (parentFirst === first && heap[parent * 2 + 1] <= second)) break;
      heap[at * 2] = parentFirst;
      heap[at * 2 + 1] = heap[parent * 2 + 1];
      at = parent;
    }
    heap[at * 2] = first;
    heap[at * 2 + 1] = second;
  }

  /** Removes the smallest entry. */
  pop(): void {
    const heap = this.#entries;
    const size = --this.#size;
    const first = heap[size * 2], second = heap[size * 2 + 1];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size) {
        const left = heap[child * 2], right = heap[child * 2 + 2];
        if (right < left || (right === left && heap[child * 2 + 3] < heap[child * 2 + 1])) child++;
      }
      const childFirst = heap[child * 2], childSecond = heap[child * 2 + 1];
      if (first < childFirst || (first === childFirst && second <= childSecond)) break;
      heap[at * 2] = childFirst;
      heap[at * 2 + 1] = childSecond;
      at = child;
    }
    heap[at * 2] = first;
    heap[at * 2 + 1] = second;
  }
}
