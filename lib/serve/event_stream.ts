/**
 * Responses that come bit by bit, as server-sent events.
 *
 * @module
 */

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Proxies such as nginx otherwise collect a response before they pass it on.
  "x-accel-buffering": "no",
};

/**
 * A response with an event for each of `data`. It is asked for the next only when the client has
 * room, so that nothing piles up for a slow one.
 *
 * @param data What each event says, in one line; it must not throw.
 * @param cancel Called when the client goes away.
 */
export function eventStream(data: AsyncIterator<string, void>, cancel: () => void): Response {
  const utf8 = new TextEncoder();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const next = await data.next();
      if (next.done) controller.close();
      else controller.enqueue(utf8.encode(`data: ${next.value}\n\n`));
    },
    cancel,
  }, { highWaterMark: 0 });
  return new Response(body, { headers: HEADERS });
}
