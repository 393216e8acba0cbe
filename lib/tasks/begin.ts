/**
 * Looking at how a stream begins without losing it.
 *
 * @module
 */

/** The bytes of a file. */
export type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;

/** A stream of which the first bytes are known. */
export interface Begun {
  /** The first bytes, as many as were asked for, fewer if there are no more. */
  head: Uint8Array;
  /** All bytes, the first included. */
  stream: Bytes;
}

/**
 * Reads a stream's first bytes.
 *
 * @param count How many.
 * @param signal Once it is aborted, the stream that is returned breaks off with its reason.
 */
export async function begin(
  stream: Bytes,
  count: number,
  signal?: AbortSignal,
): Promise<Begun> {
  const reader = stream.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [], head = new Uint8Array(count);
  let length = 0;
  while (length < count) {
    const { done, value } = await reader.read();
    if (done) break;
    head.set(value.subarray(0, count - length), length);
    length = Math.min(count, length + value.length);
    chunks.push(value);
  }
  const whole = new ReadableStream({
    async pull(controller) {
      if (signal?.aborted) {
        await reader.cancel();
        throw signal.reason;
      }
      const value = chunks.shift() ?? (await reader.read()).value;
      if (value) controller.enqueue(value);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { head: head.subarray(0, length), stream: whole };
}
