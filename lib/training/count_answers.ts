/**
 * What generating text needs of a device's memory, counted before anything is loaded.
 *
 * @module
 */
import { type Device, type Hardware, PAGE_ROWS } from "../device/mod.ts";
import { Engine } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import {
  CachedPass,
  type ComputeType,
  GPT,
  type ModelConfig,
  type ModelParts,
  type WeightType,
} from "../model/mod.ts";

/** What decides how large a model is: its sizes and its parts. */
export interface ModelShape {
  /** Its sizes. */
  config: ModelConfig;
  /** What it has beside them. */
  parts: ModelParts;
  /** In which type it computes; float32 unless given. */
  dtype?: ComputeType;
  /** Type of its weights where it is not trained; float32 unless given. */
  weights?: WeightType;
}

/** Texts that are generated at once. */
export interface TextsAtOnce {
  /** How many at most. */
  rows: number;
  /** Most tokens of each; the model's own length unless given. */
  capacity?: number;
  /** Of how many tokens keys and values are kept, of all together; of all that they may have. */
  cacheTokens?: number;
}

/** What generating text needs, in bytes. */
export interface AnswerMemory {
  /** The parameters. */
  weights: number;
  /** Keys and values of one token of one sequence, in all layers. */
  cachePerToken: number;
  /** All together, with what the device's operations work in. */
  total: number;
  /** The device that counted, for {@link Hardware.fits}. */
  counted: Hardware;
}

/** Bytes. */
const NO_DEVICE_HAS = 2 ** 40;

/** For an engine that nobody listens to. */
const NO_TOKENIZER = { bosId: 0, encodeSpecial: () => 1, encode: () => [], decode: () => "" };

/**
 * Counts what generating text needs: the model, and an engine with its caches.
 *
 * @param device Where it would run.
 * @param texts How many texts at once, and how long they may be.
 * @throws {UserError} when the device cannot hold one of the tensors, or all caches together,
 * however much it has free.
 */
export async function countAnswers(
  device: Hardware,
  { config, ...options }: ModelShape,
  { rows, capacity = config.sequenceLen, cacheTokens = rows * capacity }: TextsAtOnce,
): Promise<AnswerMemory> {
  const counted = device.counting();
  const [model, weights] = added(counted, () => new GPT(counted, config, options));
  const cachePerToken = cacheBytesPerToken(new GPT(device.counting(), config, options));
  const least = weights + cacheTokens * cachePerToken, { limit } = device.memory;
  if (least > Math.min(limit, NO_DEVICE_HAS)) {
    // As many texts are not even made up.
    const detail = { kind: "memory", tensor: "the KV cache", bytes: least, limit } as const;
    throw new UserError(`the device has no room for the KV cache of ${rows} texts`, { detail });
  }
  await answer(model, { rows, capacity, cacheTokens });
  return { weights, cachePerToken, total: counted.memory.peak, counted };
}

/** Reads the longest prompt, and goes on from it for a token beside as many others as there may be. */
export async function answer(model: GPT, texts: Required<TextsAtOnce>): Promise<void> {
  const engine = new Engine(model, NO_TOKENIZER, texts);
  const prompt = Array<number>(texts.capacity - 1).fill(0), options = { maxTokens: 1 };
  const sequences = Array.from({ length: texts.rows }, (_, row) => {
    return engine.add(row === 0 ? prompt : [0], options);
  });
  while (sequences.some(({ isRunning }) => isRunning)) await engine.step();
  engine.free();
}

/** Keys and values of a token, in all layers: a page more, divided. */
function cacheBytesPerToken(model: GPT): number {
  const bytes = (pages: number) => {
    const size = { rows: 1, tokens: 1, capacity: PAGE_ROWS, pages };
    const [pass, bytes] = added(model.device, () => new CachedPass(model, size));
    pass.free();
    return bytes;
  };
  return (bytes(2) - bytes(1)) / PAGE_ROWS;
}

/** What something adds to a device's memory when it is made. */
export function added<T>(device: Device, make: () => T): [made: T, bytes: number] {
  const before = device.memory.used;
  const made = make();
  return [made, device.memory.used - before];
}
