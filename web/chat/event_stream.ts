/** Reads a stream of server-sent events. */

/**
 * The data of each event, whatever pieces the bytes come in.
 *
 * @throws {TypeError} when the connection breaks.
 */
export async function* eventData(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    // Safari has had `for await` over streams only of late.
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const lines = (rest + read.value).split(/\r?\n/);
      rest = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith("data:")) yield line.slice(5).trimStart();
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
