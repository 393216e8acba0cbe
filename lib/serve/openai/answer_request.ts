/**
 * What requests of both forms ask for.
 *
 * @module
 */
import type { SequenceOptions } from "../../engine/mod.ts";
import { ApiError } from "../api_error.ts";
import { fieldError, Fields } from "../fields.ts";
import { samplingFields } from "../sampling_fields.ts";
import type { Service } from "../service.ts";

/** Most answers to one prompt. */
const MAX_N = 8;
/** Most texts that end an answer, and most characters of one: each token is compared with them. */
const MAX_STOPS = 4, MAX_STOP_LENGTH = 256;
/** Most tokens that are told beside the one that was chosen. */
export const MAX_TOP_LOGPROBS = 20;

/** What is asked for, but for the form of the answers. */
export interface AnswerRequest {
  /** What the model reads, `n` answers for each. */
  prompts: readonly (readonly number[])[];
  /** How many answers each prompt gets. */
  n: number;
  /** How answer 0 of a prompt is sampled; the seeds of the others count on from its. */
  options: SequenceOptions & { seed: number };
  /** Texts that end an answer. */
  stop: readonly string[];
  /** Whether the answers are sent as they come. */
  stream: boolean;
  /** Whether a stream ends with what it used. */
  includeUsage: boolean;
  /** How many turns were dropped, where the request allows that. */
  droppedTurns?: number;
}

/** Fields of both forms, read. */
export type CommonFields = Omit<AnswerRequest, "prompts" | "droppedTurns">;

/**
 * Reads the fields that both forms have. Fields that are not known are ignored.
 *
 * @param maxTokens Most new tokens, if the request says so.
 * @param topLogprobs How many likeliest tokens are told, if log-probabilities are.
 * @throws {ApiError} naming the field, for a value that it does not take.
 */
export function commonFields(
  fields: Fields,
  service: Service,
  { maxTokens, topLogprobs }: Pick<SequenceOptions, "maxTokens" | "topLogprobs">,
): CommonFields {
  const stream = fields.flag("stream");
  const streamOptions = fields.object("stream_options");
  if (streamOptions !== undefined && !stream) {
    throw new ApiError("stream_options is for answers with stream alone", {
      param: "stream_options",
      code: "invalid_value",
    });
  }
  const sampling = samplingFields(fields, service.defaults, service.tokenizer.vocabSize);
  return {
    n: fields.number("n", { min: 1, max: MAX_N, whole: true }) ?? 1,
    options: {
      ...sampling,
      maxTokens: maxTokens ?? service.defaults.maxNewTokens,
      topLogprobs,
    },
    stop: readStop(fields.value("stop")),
    stream,
    includeUsage: new Fields(streamOptions ?? {}).flag("include_usage"),
  };
}

function readStop(value: unknown): string[] {
  const stops = value === undefined ? [] : Array.isArray(value) ? value : [value];
  const isFine = stops.length <= MAX_STOPS && stops.every((stop) => {
    return typeof stop === "string" && stop !== "" && stop.length <= MAX_STOP_LENGTH;
  });
  if (isFine) return stops;
  const wanted = `a text or at most ${MAX_STOPS}, each of 1 to ${MAX_STOP_LENGTH} characters`;
  throw fieldError("stop", wanted, value);
}

/**
 * Checks the field `model`.
 *
 * @throws {ApiError} if it is missing, or not the model that is served.
 */
export function checkModel(model: unknown, service: Service): void {
  if (typeof model !== "string") throw fieldError("model", "a model's name", model);
  if (model === service.id) return;
  throw new ApiError(
    `the model ${JSON.stringify(model.slice(0, 100))} does not exist; this server has ` +
      JSON.stringify(service.id),
    { status: 404, param: "model", code: "model_not_found" },
  );
}

/**
 * Refuses fields that would change the answer and are not supported.
 *
 * @param harmless For each field what it may say all the same, beside an empty list.
 * @throws {ApiError} naming the field.
 */
export function refuseFields(
  fields: Fields,
  harmless: Readonly<Record<string, (value: unknown) => boolean>>,
): void {
  for (const [name, isHarmless] of Object.entries(harmless)) {
    const value = fields.value(name);
    if (value === undefined || Array.isArray(value) && value.length === 0) continue;
    if (isHarmless(value)) continue;
    throw new ApiError(`${name} is not supported; leave it out`, {
      param: name,
      code: "unsupported_parameter",
    });
  }
}
