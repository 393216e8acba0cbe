/**
 * What a model needs of a device's memory.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import {
  countAnswers,
  countTraining,
  formatMemory,
  type ModelShape,
  mostRows,
  roomOf,
} from "../training/mod.ts";

/** More rows than any device has been asked for. */
const MOST_ROWS = 1024;

/**
 * What training and chatting take, as a table, and what fits.
 *
 * @param T Tokens in a row.
 */
export async function memoryTable(
  device: Hardware,
  shape: ModelShape,
  T: number,
): Promise<string[]> {
  const { sequenceLen } = shape.config;
  const row = (name: string, value: string) => `  ${name.padEnd(22)} ${value}`;
  const training = await countTraining(device, shape, { rows: 1, T });
  const chat = await countAnswers(device, shape, { rows: 1 });
  const fits = await device.fits(chat.counted);
  const rows = await mostRows(device, shape, { maxSeqLen: T, totalBatchSize: MOST_ROWS * T });
  return [
    `Memory on this device, ${roomOf(device)}`,
    row("weights", formatMemory(training.weights)),
    row("gradients", formatMemory(training.gradients)),
    row("moments", formatMemory(training.moments)),
    row("activations", `${formatMemory(training.activationsPerRow)} a row of ${T} tokens`),
    row("loss head", formatMemory(training.lossHead)),
    row("KV cache", `${formatMemory(chat.cachePerToken)} a token`),
    row(
      "fine-tuning",
      `${formatMemory(training.total)} with 1 row; ` +
        (rows === 0 ? "it does not fit" : `${rows} fit${rows === 1 ? "s" : ""}`),
    ),
    row(
      "chat",
      `${formatMemory(chat.total)} with ${sequenceLen} tokens; it ${
        fits ? "fits" : "does not fit"
      }`,
    ),
  ];
}
