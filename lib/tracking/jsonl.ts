/**
 * Metrics in a file on a disk, one JSON object a line.
 *
 * @module
 */

import { dirname, extname } from "@std/path";
import { UserError } from "../errors.ts";
import type { Metrics, MetricSink } from "./sink.ts";

/** How {@linkcode JsonlSink.open} treats a file that is there already. */
export interface JsonlOptions {
  /**
   * Continues the file of a run that goes on after this step: the lines up to and including it
   * stay, later ones and a half-written last line are dropped. Without it the file starts anew, and
   * an earlier one is kept beside it, as `metrics.1.jsonl`.
   */
  resumeStep?: number;
  /**
   * Whether the earlier file is kept beside it where a run goes on, too, as it is if one of its
   * lines is damaged.
   */
  keepEarlier?: boolean;
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
  readonly #path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Opens a file for writing and makes the folders that lead to it.
   *
   * @throws {UserError} if it cannot be written.
   */
  static open(path: string, options: JsonlOptions = {}): JsonlSink {
    return reported(path, () => {
      Deno.mkdirSync(dirname(path), { recursive: true });
      const hasEarlier = isFilled(path);
      if (hasEarlier && options.resumeStep === undefined) {
        Deno.renameSync(path, freeNameBeside(path));
      } else if (hasEarlier) goOn(path, options.resumeStep!, options.keepEarlier);
      return new JsonlSink(path, Deno.openSync(path, { create: true, append: true }));
    });
  }

  /**
   * Appends one line.
   *
   * @throws {UserError} if it cannot be written; no half of it stays.
   */
  log(step: number, metrics: Metrics): void {
    const line = new TextEncoder().encode(JSON.stringify({ step, ...metrics }) + "\n");
    reported(this.#path, () => {
      const { size } = this.#file.statSync();
      try {
        for (let written = 0; written < line.length;) {
          written += this.#file.writeSync(line.subarray(written));
        }
      } catch (error) {
        this.#file.truncateSync(size);
        throw error;
      }
    });
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

function reported<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(`metrics cannot be written to ${path}: ${reason}`, { cause: error });
  }
}

/** Whether there is a file with something in it. */
function isFilled(path: string): boolean {
  try {
    const { isFile, size } = Deno.statSync(path);
    return isFile && size > 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Leaves the lines up to a step in the file; what it was is kept beside it if that is needed. */
function goOn(path: string, lastStep: number, keepEarlier = false): void {
  const whole = Deno.readTextFileSync(path).split("\n").slice(0, -1);
  const steps = whole.map(stepOf);
  const kept = whole.filter((_, i) => steps[i] <= lastStep);
  const temporary = `${path}.tmp`;
  Deno.writeTextFileSync(temporary, kept.map((line) => line + "\n").join(""));
  if (keepEarlier || steps.some(Number.isNaN)) Deno.renameSync(path, freeNameBeside(path));
  Deno.renameSync(temporary, path);
}

/** The step of a line; NaN if the line is damaged. */
function stepOf(line: string): number {
  try {
    const { step } = JSON.parse(line);
    return typeof step === "number" ? step : NaN;
  } catch {
    return NaN;
  }
}

/** `metrics.1.jsonl` of `metrics.jsonl`, or the next number that is free. */
function freeNameBeside(path: string): string {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  for (let number = 1;; number++) {
    const name = `${stem}.${number}${extension}`;
    try {
      Deno.lstatSync(name);
    } catch {
      return name;
    }
  }
}
