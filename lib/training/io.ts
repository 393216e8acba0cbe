/** What a run needs from the world around it. */

import type { Guess } from "../checkpoint/mod.ts";
import type { Ranks } from "../ranks/mod.ts";
import type { Terminal } from "../tracking/mod.ts";

/** The world around a run, handed in so that the run can be watched, stopped and tested. */
export interface RunIo {
  /** Where lines and progress are printed. */
  terminal: Terminal;
  /** Aborted when the run should stop at the next step and save what it has. */
  signal: AbortSignal;
  /** Aborts {@link signal}: another rank was told to stop. */
  stop?(): void;
  /** The processes that work on it together; one alone unless given. */
  ranks?: Ranks;
  /** Folder with tokenizer, checkpoints and task data: `$NANOCHAT_BASE_DIR`. */
  baseDir: string;
  /** Reads an environment variable, such as `HF_TOKEN`. */
  env(name: string): string | undefined;
  /** A clock, in milliseconds. */
  now(): number;
  /** What to do where a guess about a model is wrong, in words. */
  advice?(guess: Guess): string | undefined;
}

/** What a measurement needs of it: where it shows progress, who measures, and what ends it. */
export type MeasurementIo = Pick<RunIo, "terminal" | "signal" | "ranks" | "stop">;
