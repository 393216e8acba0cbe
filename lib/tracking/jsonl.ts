/**
 * Metrics in a file on a disk, one JSON object a line.
 *
 * @module
 */

import { dirname } from "@std/path";
import { UserError } from "../errors.ts";
import type { Metrics, MetricSink } from "./sink.ts";

/** How {@linkcode JsonlSink.open} treats a file that is there already. */
export interface JsonlOptions {
  /**
   * Continues the file of an interrupted run that goes on after this step: the lines up to and
   * including it stay, later ones and a half-written last line are dropped. Without it the file
   * starts anew.
   */
  resumeStep?: number;
}

/**
 * Writes metrics to a JSON Lines file: `{"step":3,"train/loss":2.5}`. Each line is handed to the
 * operating system at once, so that a run that is killed loses none. A number that is not finite
 * becomes `null`, as JSON has no word for it.
 *
 * @example
 * ```ts
 * import { JsonlSink } from "@nanochat/sft/tracking/jsonl";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const sink = JsonlSink.open(path);
 * sink.log(3, { "train/loss": 2.5 });
 * sink.close();
 * assertEquals(Deno.readTextFileSync(path), '{"step":3,"train/loss":2.5}\n');
 * ```
 */
export class JsonlSink implements MetricSink {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Opens a file for writing and makes the folders that lead to it.
   *
   * @throws {UserError} if it cannot be written, or holds something else than metrics.
   */
  static open(path: string, options: JsonlOptions = {}): JsonlSink {
    try {
      Deno.mkdirSync(dirname(path), { recursive: true });
      if (options.resumeStep === undefined) {
        return new JsonlSink(Deno.openSync(path, { create: true, write: true, truncate: true }));
      }
      keepThrough(path, options.resumeStep);
      return new JsonlSink(Deno.openSync(path, { create: true, append: true }));
    } catch (error) {
      const reason = (error as Error).message;
      throw new UserError(`metrics cannot be written to ${path}: ${reason}`, { cause: error });
    }
  }

  /** Appends one line. */
  log(step: number, metrics: Metrics): void {
    const line = new TextEncoder().encode(JSON.stringify({ step, ...metrics }) + "\n");
    for (let written = 0; written < line.length;) {
      written += this.#file.writeSync(line.subarray(written));
    }
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

function keepThrough(path: string, lastStep: number): void {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const kept = whole.split("\n").slice(0, -1).filter((line) => JSON.parse(line).step <= lastStep);
  const temporary = `${path}.tmp`;
  Deno.writeTextFileSync(temporary, kept.map((line) => line + "\n").join(""));
  Deno.renameSync(temporary, path);
}
