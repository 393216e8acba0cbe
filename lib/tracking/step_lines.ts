/** Metrics as the lines nanochat prints. */

import type { Metrics, MetricSink } from "./sink.ts";
import type { Terminal } from "./terminal.ts";

/** What is measured at every optimizer step, under nanochat's names. */
export type StepMetrics = {
  /** Smoothed training loss, in nats per counted token. */
  "train/loss": number;
  /** Training loss of this step alone, in nats per counted token. */
  "train/loss_raw": number;
  /** Learning rate multiplier, from 0 to 1. */
  "train/lrm": number;
  /** Time of the step, in seconds. */
  "train/dt": number;
  /** Tokens per second, padding included. */
  "train/tok_per_sec": number;
  /** Model FLOPs utilisation, in percent of the device's measured peak; 0 where none was, as on a CPU. */
  "train/mfu": number;
  /** Epoch over the mixture, from 1. */
  "train/epoch": number;
  /** How far the run is, from 0 to 1. */
  "train/progress": number;
  /** Training time so far without evaluations and the first steps, in seconds. */
  "total_training_time": number;
};

/**
 * The console line of an optimizer step.
 *
 * @example
 * ```ts
 * import { formatStep } from "@nanochat/sft/tracking";
 * import { assertEquals } from "@std/assert";
 *
 * const line = formatStep(1, {
 *   "train/loss": 2.617158,
 *   "train/loss_raw": 2.617158,
 *   "train/lrm": 1,
 *   "train/dt": 3.98752,
 *   "train/tok_per_sec": 1027.2,
 *   "train/mfu": 0,
 *   "train/epoch": 1,
 *   "train/progress": 0.0075,
 *   "total_training_time": 0,
 * });
 * assertEquals(
 *   line,
 *   "step 00001 (0.75%) | loss: 2.617158 | lrm: 1.00 | dt: 3987.52ms | tok/sec: 1,027" +
 *     " | mfu: 0.00 | epoch: 1 | total time: 0.00m",
 * );
 * ```
 */
export function formatStep(step: number, metrics: StepMetrics): string {
  const tokensPerSecond = Math.trunc(metrics["train/tok_per_sec"]).toLocaleString("en-US");
  return [
    `step ${padStep(step)} (${(100 * metrics["train/progress"]).toFixed(2)}%)`,
    `loss: ${metrics["train/loss"].toFixed(6)}`,
    `lrm: ${metrics["train/lrm"].toFixed(2)}`,
    `dt: ${(1000 * metrics["train/dt"]).toFixed(2)}ms`,
    `tok/sec: ${tokensPerSecond}`,
    `mfu: ${metrics["train/mfu"].toFixed(2)}`,
    `epoch: ${metrics["train/epoch"]}`,
    `total time: ${(metrics["total_training_time"] / 60).toFixed(2)}m`,
  ].join(" | ");
}

/** The console line of a validation: `Step 00010 | Validation bpb: 1.4789`. */
export function formatValidation(step: number, bpb: number, what = "Validation"): string {
  return `Step ${padStep(step)} | ${what} bpb: ${bpb.toFixed(4)}`;
}

/** The console line of a ChatCORE evaluation. */
export function formatChatcore(step: number, chatcore: number, categorical: number): string {
  return `Step ${padStep(step)} | ChatCORE: ${chatcore.toFixed(4)} | ` +
    `ChatCORE_cat: ${categorical.toFixed(4)}`;
}

function padStep(step: number): string {
  return String(step).padStart(5, "0");
}

/**
 * Prints metrics as nanochat does: a line per step, per validation (`val/bpb`, and `val/own_bpb` of
 * the user's own conversations) and per ChatCORE
 * evaluation (`chatcore_metric` and `chatcore_cat`). Other metrics print nothing.
 */
export class ConsoleSink implements MetricSink {
  readonly #terminal: Terminal;

  /** Takes the terminal to print to. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Prints the lines that the metrics call for. */
  log(step: number, metrics: Metrics): void {
    const lines: string[] = [];
    if ("train/loss" in metrics) lines.push(formatStep(step, metrics as StepMetrics));
    if ("val/bpb" in metrics) lines.push(formatValidation(step, Number(metrics["val/bpb"])));
    if ("val/own_bpb" in metrics) {
      lines.push(formatValidation(step, Number(metrics["val/own_bpb"]), "Own validation"));
    }
    if ("chatcore_metric" in metrics) {
      const { chatcore_metric, chatcore_cat } = metrics;
      lines.push(formatChatcore(step, Number(chatcore_metric), Number(chatcore_cat)));
    }
    for (const line of lines) this.#terminal.info(line);
  }

  /** Does nothing: the console stays open. */
  close(): void {}
}
