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
   * Goes on after this step with the file of a run: the lines up to and including it stay, later
   * ones and a half-written last line are dropped. Without it the file starts anew. What then is
   * not in it any more is kept beside it, as `metrics.1.jsonl`; so is a file with a damaged line.
   */
  resumeStep?: number;
  /** Which run the metrics are of. It is told in the file's first line: `{"step":0,"run":"…"}`. */
  run?: string;
  /**
   * Which run is gone on with: its lines are taken from whichever file has them. Files without a
   * first line that says so are of the run undefined.
   */
  resumeRun?: string;
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
      const { run, resumeStep, resumeRun } = options;
      const earlier = resumeStep === undefined
        ? undefined
        : logsBeside(path).find((file) => runOfLog(file) === resumeRun);
      const { lines, isWhole } = earlier
        ? linesThrough(earlier, resumeStep!)
        : { lines: [], isWhole: true };
      if (run !== undefined) lines.unshift(JSON.stringify({ step: 0, run }));
      const temporary = `${path}.tmp`;
      Deno.writeTextFileSync(temporary, lines.map((line) => line + "\n").join(""));
      const goesOn = earlier === path && run === resumeRun && isWhole;
      if (isFilled(path) && !goesOn) Deno.renameSync(path, freeNameBeside(path));
      Deno.renameSync(temporary, path);
      return new JsonlSink(path, Deno.openSync(path, { append: true }));
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

/**
 * Which run the metrics of a file are of, as its first line says.
 *
 * @returns undefined where it does not, or there is no such file.
 */
export function runOfLog(path: string): string | undefined {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(1024);
    const text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
    return runOfLine(text.split("\n")[0]);
  } catch {
    return undefined;
  }
}

/** The run that a first line names; undefined for other lines. */
function runOfLine(line: string): string | undefined {
  try {
    const { run } = JSON.parse(line);
    return typeof run === "string" ? run : undefined;
  } catch {
    return undefined;
  }
}

/** The file, where it is filled, and those kept beside it, the newest first. */
function logsBeside(path: string): string[] {
  const logs = isFilled(path) ? [path] : [];
  const free = freeNameBeside(path);
  for (let number = 1; numbered(path, number) !== free; number++) {
    logs.splice(logs[0] === path ? 1 : 0, 0, numbered(path, number));
  }
  return logs;
}

/** The lines of metrics up to a step, and whether all but a half-written last one can be read. */
function linesThrough(path: string, lastStep: number): { lines: string[]; isWhole: boolean } {
  const lines = Deno.readTextFileSync(path).split("\n").slice(0, -1);
  if (lines.length > 0 && runOfLine(lines[0]) !== undefined) lines.shift();
  const steps = lines.map(stepOf);
  return {
    lines: lines.filter((_, i) => steps[i] <= lastStep),
    isWhole: !steps.some(Number.isNaN),
  };
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

/** `metrics.1.jsonl` of `metrics.jsonl`. */
function numbered(path: string, number: number): string {
  const extension = extname(path);
  return `${path.slice(0, path.length - extension.length)}.${number}${extension}`;
}

/** The first such name that is free. */
function freeNameBeside(path: string): string {
  for (let number = 1;; number++) {
    try {
      Deno.lstatSync(numbered(path, number));
    } catch {
      return numbered(path, number);
    }
  }
}
