/**
 * Stand-in for `jsr:@std/streams` where JSR cannot be reached: `TextLineStream`, with the real
 * signature.
 *
 * @module
 */

/** Options of {@linkcode TextLineStream}. */
export interface TextLineStreamOptions {
  /** Also break lines at a lone `\r`. Default: false. */
  allowCR?: boolean;
}

/** Turns chunks of text into lines, broken at `\n` or `\r\n`, without the line breaks. */
export class TextLineStream extends TransformStream<string, string> {
  /** Takes the options. */
  constructor(options: TextLineStreamOptions = { allowCR: false }) {
    // A `\r` that ends a chunk may be half of a `\r\n`: it waits for the next chunk.
    const lineBreak = options.allowCR ? /\r\n|\n|\r(?!$)/ : /\r?\n/;
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split(lineBreak);
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (options.allowCR && rest.endsWith("\r")) rest = rest.slice(0, -1);
        if (rest.length > 0) controller.enqueue(rest);
      },
    });
  }
}
