/**
 * Problems that a model answers in its own words, with tools.
 *
 * @module
 */
import type { Conversation } from "../conversation.ts";
import { Engine, type SamplingOptions } from "../engine/mod.ts";
import type { GPT } from "../model/mod.ts";
import { pause } from "../pause.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** How answers are sampled, and how many. */
export interface CompletionOptions extends SamplingOptions {
  /** Rows that are decoded together. */
  batchSize: number;
  /** Answers per problem. */
  numSamples: number;
  /** Most tokens of an answer. */
  maxNewTokens: number;
  /** The number of each problem, which decides its random numbers; its place unless given. */
  numbers?: readonly number[];
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
 * the model was trained on. An answer is drawn from random numbers of its own, so that it does not
 * depend on the problems that are tried with it.
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
  const { numSamples, maxNewTokens, numbers = problems.keys().toArray(), signal } = options;
  const prompts = await renderPrompts(tokenizer, problems, signal);
  if (prompts.length === 0) return;
  const engine = engineFor(model, tokenizer, prompts, options), size = problemsAtOnce(options);
  try {
    for (let start = 0; start < prompts.length; start += size) {
      const batch = prompts.slice(start, start + size);
      const rows = rowsOf(batch, numSamples);
      const streams = rows.map((_, row) => {
        const { problem } = batch[Math.floor(row / numSamples)];
        return numSamples * numbers[problem] + row % numSamples;
      });
      const settings = { ...options, streams, maxTokens: maxNewTokens };
      const generated = await engine.generateBatch(rows, settings);
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

/** An engine with room for whole answers to each batch of prompts, of which the first is longest. */
function engineFor(
  model: GPT,
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  options: CompletionOptions,
): Engine {
  const capacity = prompts[0].ids.length + options.maxNewTokens;
  const rows = Math.min(problemsAtOnce(options), prompts.length) * options.numSamples;
  return new Engine(model, tokenizer, { capacity, rows, cacheTokens: rows * capacity });
}

/**
 * Tries what {@link complete} needs of the device: the first token of the longest prompts, with
 * room for whole answers.
 *
 * @throws {UserError} when the device cannot hold the cache of keys and values.
 */
export async function tryCompletion(
  model: GPT,
  tokenizer: Tokenizer,
  problems: readonly Conversation[],
  options: CompletionOptions,
): Promise<void> {
  const prompts = await renderPrompts(tokenizer, problems, options.signal);
  if (prompts.length === 0) return;
  const engine = engineFor(model, tokenizer, prompts, options);
  try {
    const rows = rowsOf(prompts.slice(0, problemsAtOnce(options)), options.numSamples);
    for await (const _ of engine.generate(rows, { ...options, maxTokens: 1 }));
  } finally {
    engine.free();
  }
}

interface Prompt {
  /** Which of the problems, by its place in the list. */
  problem: number;
  ids: readonly number[];
}

/** Problems as prompts, the longest first. */
async function renderPrompts(
  tokenizer: Tokenizer,
  problems: readonly Conversation[],
  signal?: AbortSignal,
): Promise<Prompt[]> {
  const prompts: Prompt[] = [];
  for (const [problem, conversation] of problems.entries()) {
    prompts.push({ problem, ids: tokenizer.renderForCompletion(conversation) });
    await pause(signal);
  }
  return prompts.sort((a, b) => b.ids.length - a.ids.length || a.problem - b.problem);
}

function problemsAtOnce({ batchSize, numSamples }: CompletionOptions): number {
  return Math.max(1, Math.floor(batchSize / numSamples));
}

function rowsOf(prompts: readonly Prompt[], numSamples: number): (readonly number[])[] {
  return prompts.flatMap(({ ids }) => Array<readonly number[]>(numSamples).fill(ids));
}
