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
  fittingLines,
  fittingRows,
  formatMemory,
  memoryLine,
  type ModelShape,
  orMemoryError,
  Room,
  roomOf,
  trainingLines,
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
  const { dtype = "float32", config: { sequenceLen } } = shape;
  const training = await orMemoryError(countTraining(device, shape, { rows: 1, T, ranks }));
  const weights = weightType(device, shape);
  const chat = await orMemoryError(countAnswers(device, { ...shape, weights }, { rows: 1 }));
  const { worldSize } = ranks;
  const whose = worldSize > 1 ? ` of each of ${worldSize} ranks` : "";
  const lines = [`Memory${whose} on this device, in ${dtype}; ${roomOf(device)}`];
  if (training instanceof UserError) lines.push(memoryLine("fine-tuning", training.message));
  else {
    const size = { maxSeqLen: T, totalBatchSize: MOST_ROWS * T * worldSize };
    const found = await fittingRows(device, shape, size, { ranks }, new Room(device));
    lines.push(
      ...trainingLines(training, 1, T),
      memoryLine("fine-tuning", `${formatMemory(training.total)} with 1 row`),
      ...fittingLines([{ dtype, ...found }]),
    );
  }
  if (chat instanceof UserError) lines.push(memoryLine("chat", chat.message));
  else {
    const fit = await device.fits(chat.counted) ? "fits" : "does not fit";
    lines.push(
      memoryLine("KV cache", `${formatMemory(chat.cachePerToken)} a token`),
      memoryLine(
        "chat",
        `${formatMemory(chat.total)} with ${sequenceLen} tokens and ${weights} weights; ${fit}`,
      ),
    );
  }
  return lines;
}
