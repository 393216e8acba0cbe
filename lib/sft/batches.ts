/**
 * What a person is told of the batches: their sizes, and what was cut to fit.
 *
 * @module
 */
import type { PackedBatch } from "../dataloader/mod.ts";
import { widthScale } from "../optim/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import type { InheritedSettings } from "../training/mod.ts";

/** Says how large micro-batches and steps are, as nanochat does. */
export function describeBatches(
  { maxSeqLen: T, deviceBatchSize: B, totalBatchSize }: InheritedSettings,
  accumulationSteps: number,
  nEmbd: number,
  terminal: Terminal,
): void {
  const number = (n: number) => n.toLocaleString("en-US");
  terminal.info(`Tokens / micro-batch / rank: ${B} x ${T} = ${number(B * T)}`);
  terminal.info(
    `Total batch size ${number(totalBatchSize)} => gradient accumulation steps: ` +
      `${accumulationSteps}`,
  );
  terminal.info(
    `Scaling the LR for the AdamW parameters ∝1/√(${nEmbd}/768) = ${widthScale(nEmbd).toFixed(6)}`,
  );
}

/** Counts the conversations that were cut to a row of T tokens. */
export class CutCounter {
  #conversations = 0;
  #tokens = 0;

  constructor(private readonly T: number) {}

  /** Counts what a batch lost and hands it on. */
  count(batch: PackedBatch): PackedBatch {
    this.#conversations += batch.cut;
    this.#tokens += batch.lostTokens;
    return batch;
  }

  /** Warns of what was lost, if anything. */
  report(terminal: Terminal): void {
    if (this.#conversations === 0) return;
    terminal.warn(
      `${this.#conversations} conversations were longer than a row of ${this.T} tokens and were ` +
        `cut, which lost ${this.#tokens} tokens; longer rows keep them`,
    );
  }
}
