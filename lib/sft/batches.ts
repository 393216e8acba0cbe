/**
 * What a person is told of the batches: their sizes.
 *
 * @module
 */
import { widthScale } from "../optim/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import type { InheritedSettings } from "../training/mod.ts";

/** Says how large micro-batches and steps are, as nanochat does. */
export function describeBatches(
  { maxSeqLen: T, deviceBatchSize: B, totalBatchSize }: InheritedSettings,
  { steps, worldSize, nEmbd }: { steps: number; worldSize: number; nEmbd: number },
  terminal: Terminal,
): void {
  const number = (n: number) => n.toLocaleString("en-US");
  terminal.info(`Tokens / micro-batch / rank: ${B} x ${T} = ${number(B * T)}`);
  if (worldSize > 1) terminal.info(`Tokens / micro-batch: ${number(worldSize * B * T)}`);
  terminal.info(
    `Total batch size ${number(totalBatchSize)} => gradient accumulation steps: ${steps}`,
  );
  terminal.info(
    `Scaling the LR for the AdamW parameters ∝1/√(${nEmbd}/768) = ${widthScale(nEmbd).toFixed(6)}`,
  );
}
