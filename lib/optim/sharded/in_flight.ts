/** Messages that may be on their way at a time. */
const MOST = 4;

/** Messages on their way, of which there are few at a time. */
export class InFlight {
  readonly #messages: Promise<void>[] = [];

  /** Waits until there is room for one more. */
  async room(): Promise<void> {
    if (this.#messages.length === MOST) await this.#messages.shift();
  }

  /** One more is on its way. */
  add(message: Promise<void>): void {
    this.#messages.push(heeded(message));
  }

  /** Waits until all have arrived. */
  async land(): Promise<void> {
    await Promise.all(this.#messages.splice(0));
  }
}

/** A promise that is waited for later: until then it may fail without ending the process. */
export function heeded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
