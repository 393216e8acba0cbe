/**
 * What a model needs of a device's memory.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { Ranks } from "../ranks/mod.ts";
import {
  countAnswers,
  countTraining,
  formatMemory,
  type ModelShape,
  mostRows,
  orMemoryError,
  roomOf,
  weightType,
} from "../training/mod.ts";

/** More rows than any device has been asked for. */
const MOST_ROWS = 1024;

/**
 * What training and chatting take, as a table, and what fits.
 *
 * @param T Tokens in a row.
 * @param ranks The processes that would train together: what this one takes of it.
 */
export async function memoryTable(
  device: Hardware,
  shape: ModelShape,
  T: number,
  ranks: Pick<Ranks, "rank" | "worldSize">,
): Promise<string[]> {
  const { sequenceLen } = shape.config;
  const row = (name: string, value: string) => `  ${name.padEnd(22)} ${value}`;
  const training = await orMemoryError(countTraining(device, shape, { rows: 1, T, ranks }));
  const weights = weightType(device, shape);
  const chat = await orMemoryError(countAnswers(device, { ...shape, weights }, { rows: 1 }));
  const { worldSize } = ranks;
  const whose = worldSize > 1 ? ` of each of ${worldSize} ranks` : "";
  const lines = [`Memory${whose} on this device, ${roomOf(device)}`];
  if (training instanceof UserError) lines.push(row("fine-tuning", training.message));
  else {
    const settings = { maxSeqLen: T, totalBatchSize: MOST_ROWS * T * worldSize };
    const rows = await mostRows(device, shape, settings, { ranks });
    const fit = rows === 0 ? "does not fit" : `${rows} fit${rows === 1 ? "s" : ""}`;
    lines.push(
      row("weights", formatMemory(training.weights)),
      row("gradients", formatMemory(training.gradients)),
      row("moments", formatMemory(training.moments)),
      row("activations", `${formatMemory(training.activationsPerRow)} a row of ${T} tokens`),
      row("loss head", formatMemory(training.lossHead)),
      row("fine-tuning", `${formatMemory(training.total)} with 1 row; ${fit}`),
    );
  }
  if (chat instanceof UserError) lines.push(row("chat", chat.message));
  else {
    const fit = await device.fits(chat.counted) ? "fits" : "does not fit";
    lines.push(
      row("KV cache", `${formatMemory(chat.cachePerToken)} a token`),
      row(
        "chat",
        `${formatMemory(chat.total)} with ${sequenceLen} tokens and ${weights} weights; ${fit}`,
      ),
    );
  }
  return lines;
}
