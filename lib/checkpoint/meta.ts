import { UserError } from "../errors.ts";
import type { ModelConfig } from "../model_config.ts";

/** What the JSON file beside a model says. */
export interface CheckpointMeta {
  /** Optimizer steps the model was trained for. */
  step: number;
  /** The model's shape. */
  modelConfig: ModelConfig;
  /** The whole file as parsed: batch sizes, `user_config`, losses, whatever the run noted. */
  raw: Readonly<Record<string, unknown>>;
}

/** `model_config` keys and what they are called here. */
const CONFIG_KEYS = {
  sequence_len: "sequenceLen",
  vocab_size: "vocabSize",
  n_layer: "nLayer",
  n_head: "nHead",
  n_kv_head: "nKvHead",
  n_embd: "nEmbd",
} as const;

/** The pattern of checkpoints from before patterns: every layer looks at the whole context. */
const OLD_WINDOW_PATTERN = "L";

/**
 * Reads and checks the text of a `meta_*.json`. A missing `window_pattern` means `"L"`.
 *
 * @param path What error messages call the file.
 * @throws {UserError} if it is malformed; the message names the key.
 *
 * @example
 * ```ts
 * import { parseMeta } from "@nanochat/sft/checkpoint";
 * import { assertEquals } from "@std/assert";
 *
 * const model_config = { sequence_len: 256, vocab_size: 512, n_layer: 4, n_head: 2, n_kv_head: 2,
 *   n_embd: 128, window_pattern: "SSSL" };
 * const { modelConfig } = parseMeta(JSON.stringify({ step: 10, model_config }), "meta_000010.json");
 * assertEquals(modelConfig.nEmbd, 128);
 * ```
 */
export function parseMeta(text: string, path: string): CheckpointMeta {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path}: is not valid JSON: ${(error as Error).message}`);
  }
  if (!isRecord(raw)) throw new UserError(`${path}: is not a JSON object`);
  return {
    step: raw.step === 0 ? 0 : count(raw, "step", path),
    modelConfig: parseModelConfig(raw.model_config, path),
    raw,
  };
}

function parseModelConfig(config: unknown, path: string): ModelConfig {
  if (!isRecord(config)) throw new UserError(`${path}: has no "model_config"`);
  const numbers = Object.fromEntries(
    Object.entries(CONFIG_KEYS).map(([key, name]) => [name, count(config, key, path)]),
  ) as Omit<ModelConfig, "windowPattern">;
  const { nHead, nKvHead, nEmbd } = numbers;
  if (nHead % nKvHead !== 0 || nEmbd % nHead !== 0) {
    throw new UserError(
      `${path}: "n_embd" ${nEmbd}, "n_head" ${nHead} and "n_kv_head" ${nKvHead} do not divide evenly`,
    );
  }
  const pattern = config.window_pattern ?? OLD_WINDOW_PATTERN;
  if (typeof pattern !== "string" || !/^[LS]+$/i.test(pattern)) {
    throw new UserError(`${path}: "window_pattern" must be letters L and S`);
  }
  return { ...numbers, windowPattern: pattern.toUpperCase() };
}

/** A model's shape in the spelling of `model_config`. */
export function toModelConfigJson(config: ModelConfig): Record<string, unknown> {
  const numbers = Object.entries(CONFIG_KEYS).map(([key, name]) => [key, config[name]]);
  return { ...Object.fromEntries(numbers), window_pattern: config.windowPattern };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function count(record: Record<string, unknown>, key: string, path: string): number {
  const value = record[key];
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new UserError(
      `${path}: "${key}" must be a whole number from 1 up, but is ${JSON.stringify(value)}`,
    );
  }
  return value as number;
}
