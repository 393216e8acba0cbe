/**
 * Problems that a model answers in its own words, with tools.
 *
 * @module
 */
import type { Conversation } from "../conversation.ts";
import { Engine, type SamplingOptions } from "../engine/mod.ts";
import type { GPT } from "../model/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** How answers are sampled, and how many. */
export interface CompletionOptions extends SamplingOptions {
  /** Rows that are decoded together. */
  batchSize: number;
  /** Answers per problem. */
  numSamples: number;
  /** Most tokens of an answer. */
  maxNewTokens: number;
  /** Ends it early when aborted: the batch in work is dropped. */
  signal?: AbortSignal;
}

/** What the model said. */
export interface Completions {
  /** Which of the problems, by its place in the list. */
  problem: number;
  /** Its answers, special tokens by their names, without the end of the turn. */
  texts: string[];
}

/**
 * Lets a model answer problems, as nanochat's `run_generative_eval` does, but many at a time.
 * Batches hold prompts of similar length, the longest first. Answers may outgrow the length that
 * the model was trained on.
 *
 * @param model The model; its parameters must stay as they are meanwhile.
 * @yields The answers of each batch.
 * @throws {UserError} when the device cannot hold the cache of keys and values.
 */
export async function* complete(
  model: GPT,
  tokenizer: Tokenizer,
  problems: readonly Conversation[],
  options: CompletionOptions,
): AsyncGenerator<Completions[]> {
  const { batchSize, numSamples, maxNewTokens, signal } = options;
  const prompts = problems.map((conversation, problem) => ({
    problem,
    ids: tokenizer.renderForCompletion(conversation),
  }));
  if (prompts.length === 0) return;
  prompts.sort((a, b) => b.ids.length - a.ids.length || a.problem - b.problem);
  const capacity = prompts[0].ids.length + maxNewTokens;
  const engine = new Engine(model, tokenizer, { capacity });
  const problemsAtOnce = Math.max(1, Math.floor(batchSize / numSamples));
  try {
    for (let start = 0; start < prompts.length; start += problemsAtOnce) {
      const batch = prompts.slice(start, start + problemsAtOnce);
      const rows = batch.flatMap(({ ids }) => Array<readonly number[]>(numSamples).fill(ids));
      const generated = await engine.generateBatch(rows, { ...options, maxTokens: maxNewTokens });
      if (signal?.aborted) return;
      const texts = generated.map((tokens) => tokenizer.decode(tokens));
      yield batch.map(({ problem }, i) => ({
        problem,
        texts: texts.slice(i * numSamples, (i + 1) * numSamples),
      }));
    }
  } finally {
    engine.free();
  }
}
