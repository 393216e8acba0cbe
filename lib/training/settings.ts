/**
 * The settings of a run: its options, with what is left out inherited from the checkpoint it begins with.
 *
 * @module
 */
import type { CheckpointSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { snakeCase } from "./spelling.ts";

/** What a run inherits where it was not told. */
export interface InheritedSettings {
  /** Tokens in a row, T. */
  maxSeqLen: number;
  /** Rows in a micro-batch, B. */
  deviceBatchSize: number;
  /** Tokens in an optimizer step. */
  totalBatchSize: number;
  /** Learning rate of the embeddings. */
  embeddingLr: number;
  /** Learning rate of the output layer. */
  unembeddingLr: number;
  /** Learning rate of the matrices. */
  matrixLr: number;
}

/** Rows in a micro-batch, or `auto`: as many as fit. */
export type WantedRows = number | "auto";

/** Settings of which the rows of a micro-batch may still have to be found. */
export interface WantedSettings<Rows extends WantedRows = WantedRows>
  extends Omit<InheritedSettings, "deviceBatchSize"> {
  /** Rows in a micro-batch, B. */
  deviceBatchSize: Rows;
}

/** nanochat's values where neither an option nor the checkpoint has one. */
const FALLBACK: InheritedSettings = {
  maxSeqLen: 2048,
  deviceBatchSize: 32,
  totalBatchSize: 524288,
  embeddingLr: 0.3,
  unembeddingLr: 0.004,
  matrixLr: 0.02,
};

/**
 * Fills the settings from options, a checkpoint's meta file, and nanochat's defaults. What the file
 * has as null or −1 it does not say.
 *
 * @param options What the run was told.
 * @param meta The checkpoint's meta file: sizes at its top or, in older ones, in `user_config` with
 * the learning rates; those of reinforcement learning and the first fine-tuned ones have neither.
 * @param note Told a line about each setting for the person to read.
 * @param source Which kind of checkpoint it is; it is named by that.
 * @throws {UserError} naming what the meta file says that no run can have, unless an option has it.
 */
export function inheritSettings(
  options: Partial<WantedSettings>,
  meta: Record<string, unknown>,
  note: (line: string) => void = () => {},
  source: CheckpointSource = "base",
): WantedSettings {
  const userConfig = Object(meta.user_config) as Record<string, unknown>;
  const settings: Record<keyof InheritedSettings, WantedRows> = { ...FALLBACK };
  for (const field of Object.keys(FALLBACK) as (keyof InheritedSettings)[]) {
    const key = snakeCase(field);
    const stored = [meta[key], userConfig[key]].find((value) => (value ?? -1) !== -1);
    const inherited = isSetting(field, stored) ? stored : undefined;
    const given = options[field];
    if (given === undefined && stored !== inherited) {
      const says = typeof stored === "number" ? stored : JSON.stringify(stored);
      throw new UserError(`the ${source} checkpoint's meta file has ${key}=${says}; give another`);
    }
    settings[field] = given ?? inherited ?? FALLBACK[field];
    if (given === undefined) {
      const from = inherited === undefined
        ? "by default"
        : `inherited from the ${source} checkpoint`;
      note(`${key}=${settings[field]} ${from}`);
    } else if (inherited !== undefined && inherited !== given) {
      note(`NOTE: ${key}=${given} overrides the ${source} checkpoint's ${inherited}`);
    }
  }
  return settings as WantedSettings;
}

/**
 * Settings with fewer rows in a micro-batch, where those that nobody asked for are too many for a step
 * that ranks share: the most that divide it. They stay where none do.
 *
 * @param note Told a line if they are fewer.
 */
export function fewerRows(
  settings: WantedSettings,
  worldSize: number,
  note: (line: string) => void,
): WantedSettings {
  const { deviceBatchSize: wanted, maxSeqLen: T, totalBatchSize } = settings;
  if (wanted === "auto") return settings;
  const divide = (rows: number) => totalBatchSize % (rows * T * worldSize) === 0;
  let rows = wanted;
  while (rows > 0 && !divide(rows)) rows--;
  if (rows === wanted || rows === 0) return settings;
  note(`device_batch_size=${rows}: the most of ${wanted} that ${worldSize} ranks share a step in`);
  return { ...settings, deviceBatchSize: rows };
}

/** Whether a value can be that of a setting: sizes are whole numbers from 1, rates from 0. */
function isSetting(field: keyof InheritedSettings, value: unknown): value is number {
  return field.endsWith("Lr")
    ? Number.isFinite(value) && value as number >= 0
    : Number.isSafeInteger(value) && value as number >= 1;
}

/**
 * Tokens of a step for a model's gradients: of several ranks undefined, for they hand each other
 * gradients of tables as they are.
 */
export function stepTokensOf(
  { totalBatchSize }: Pick<InheritedSettings, "totalBatchSize">,
  worldSize = 1,
): number | undefined {
  return worldSize === 1 ? totalBatchSize : undefined;
}

/**
 * Micro-batches of an optimizer step.
 *
 * @throws {UserError} naming the numbers if the total is no multiple of a micro-batch.
 */
export function accumulationSteps(
  settings: Pick<InheritedSettings, "maxSeqLen" | "deviceBatchSize" | "totalBatchSize">,
  worldSize = 1,
): number {
  const { maxSeqLen: T, deviceBatchSize: B, totalBatchSize: total } = settings;
  const micro = B * T * worldSize;
  if (total % micro !== 0) {
    const [totalBatchSize, deviceBatchSize, maxSeqLen] = [total, B, T];
    throw new UserError(`a step of ${total} tokens is no multiple of micro-batches of ${micro}`, {
      detail: { kind: "batchSize", totalBatchSize, deviceBatchSize, maxSeqLen, worldSize },
    });
  }
  return total / micro;
}
