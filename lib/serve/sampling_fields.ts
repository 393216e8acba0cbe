/**
 * How an answer is sampled, as requests of every form say it.
 *
 * @module
 */
import type { SequenceOptions } from "../engine/mod.ts";
import { ApiError } from "./api_error.ts";
import { checkNumber, type Fields } from "./fields.ts";
import type { AnswerDefaults } from "./service.ts";

/** Most tokens whose logits are changed: each step sends them all to the device, for every answer. */
const MAX_BIASES = 1024;

/**
 * Reads `temperature`, `top_p`, `top_k`, `min_p`, `seed`, the penalties and `logit_bias`; what is not
 * said is as the server does it. Without a seed there is a random one, so that answers differ.
 *
 * @param vocabSize One more than the largest token id.
 * @throws {ApiError} naming the field, for a value that it does not take.
 */
export function samplingFields(
  fields: Fields,
  defaults: AnswerDefaults,
  vocabSize: number,
): SequenceOptions & { seed: number } {
  const topP = fields.number("top_p", { min: 0, max: 1 }) ?? defaults.topP;
  const topK = fields.number("top_k", { min: 0, whole: true }) ?? defaults.topK;
  return {
    temperature: fields.number("temperature", { min: 0, max: 2 }) ?? defaults.temperature,
    // No mass at all leaves the likeliest token alone, which is a way to be greedy.
    ...topP === 0 ? { topP: 1, topK: 1 } : { topP, topK },
    minP: fields.number("min_p", { min: 0, max: 1 }) ?? defaults.minP,
    // The answers of a request count on from it.
    seed: fields.number("seed", { min: 0, max: 2 ** 52, whole: true }) ?? randomSeed(),
    presencePenalty: fields.number("presence_penalty", { min: -2, max: 2 }),
    frequencyPenalty: fields.number("frequency_penalty", { min: -2, max: 2 }),
    logitBias: logitBias(fields, vocabSize),
  };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

function logitBias(fields: Fields, vocabSize: number): ReadonlyMap<number, number> | undefined {
  const given = fields.object("logit_bias");
  if (given === undefined) return undefined;
  const size = Object.keys(given).length;
  if (size > MAX_BIASES) {
    throw new ApiError(`logit_bias may name ${MAX_BIASES} tokens, but names ${size}`, {
      param: "logit_bias",
      code: "invalid_value",
    });
  }
  return new Map(
    Object.entries(given).map(([id, bias]) => {
      const token = /^\d{1,9}$/.test(id) ? Number(id) : NaN;
      if (!(token < vocabSize)) {
        const why =
          `logit_bias has token ${JSON.stringify(id.slice(0, 60))}, but tokens are 0 to ` +
          `${vocabSize - 1}`;
        throw new ApiError(why, { param: "logit_bias", code: "invalid_value" });
      }
      return [token, checkNumber(`logit_bias.${id}`, bias, { min: -100, max: 100 })];
    }),
  );
}
