import { UserError } from "../errors.ts";
import { isRecord, parseJson } from "../json.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { quote } from "./byte_reader.ts";
import { branchDesign } from "./era.ts";
import { list, stepOfMeta } from "./layout.ts";

/** What the JSON file beside a model says. */
export interface CheckpointMeta {
  /** Optimizer steps the model was trained for. */
  step: number;
  /** The model's shape. */
  modelConfig: ModelConfig;
  /** The whole file as parsed: batch sizes, `user_config`, losses, whatever the run noted. */
  raw: Readonly<Record<string, unknown>>;
}

/** The numbers of `model_config` and what they are called here. */
const CONFIG_KEYS = {
  sequence_len: "sequenceLen",
  vocab_size: "vocabSize",
  n_layer: "nLayer",
  n_head: "nHead",
  n_kv_head: "nKvHead",
  n_embd: "nEmbd",
} as const;

/** What else may stand in `model_config`. A key that is not known would be computed without. */
const OTHER_CONFIG_KEYS = ["window_pattern"];

/** The pattern of checkpoints from before patterns: every layer looks at the whole context. */
const OLD_WINDOW_PATTERN = "L";

/**
 * Reads and checks the text of a `meta_*.json`, as Python writes it. A missing `window_pattern`
 * means `"L"`, a missing `step` the one in the file's name.
 *
 * @param path The file's path; error messages name it.
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
    raw = parseJson(text);
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`);
  }
  if (!isRecord(raw)) throw new UserError(`${path}: is not a JSON object`);
  return {
    step: raw.step === 0 ? 0 : stepIn(raw, path),
    modelConfig: parseModelConfig(raw.model_config, path),
    raw,
  };
}

function stepIn(raw: Record<string, unknown>, path: string): number {
  // nanochat's metas of reinforcement learning have none.
  if (raw.step === undefined || raw.step === null) {
    const step = stepOfMeta(path);
    if (step !== undefined) return step;
  }
  return count(raw, "step", path);
}

function parseModelConfig(config: unknown, path: string): ModelConfig {
  if (!isRecord(config)) throw new UserError(`${path}: has no "model_config"`);
  const known = [...Object.keys(CONFIG_KEYS), ...OTHER_CONFIG_KEYS];
  const unknown = Object.keys(config).filter((key) => !known.includes(key));
  if (unknown.length > 0) {
    const design = branchDesign(unknown[0]);
    throw new UserError(
      `${path}: "model_config" has what no model here has: ${list(unknown.map(quote))}` +
        (design === undefined ? "" : `: ${design}`),
    );
  }
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

/**
 * A model's shape in the spelling of `model_config`.
 *
 * @param parts What it computes; a nanochat from before windows refuses the key `window_pattern`.
 */
export function toModelConfigJson(
  config: ModelConfig,
  parts: Pick<ModelParts, "windows"> = NEWEST_PARTS,
): Record<string, unknown> {
  const numbers = Object.entries(CONFIG_KEYS).map(([key, name]) => [key, config[name]]);
  const pattern = parts.windows === "none" ? {} : { window_pattern: config.windowPattern };
  return { ...Object.fromEntries(numbers), ...pattern };
}

function count(record: Record<string, unknown>, key: string, path: string): number {
  const value = record[key];
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new UserError(
      `${path}: "${key}" must be a whole number from 1 up, but is ${shown(value)}`,
    );
  }
  return value as number;
}

/** A value of the file for a message; what may nest without end is only named. */
function shown(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return "a list";
  return isRecord(value) ? "an object" : value === undefined ? "missing" : String(value);
}
