/**
 * Multiple choice: the likeliest of a problem's letters at the place of the answer.
 *
 * @module
 */
import type { Readback, Tensor } from "../device/mod.ts";
import { logitsError } from "../engine/sampling.ts";
import { UserError } from "../errors.ts";
import { Arena, type GPT, Pass } from "../model/mod.ts";
import { pause } from "../pause.ts";
import type { MultipleChoiceProblem } from "../tasks/multiple_choice.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** Prompts are padded to a multiple of so many tokens, so that few passes are planned. */
const LENGTH_STEP = 32;

/** What the model chose. */
export interface Choice {
  /** Which of the problems, by its place in the list. */
  problem: number;
  /** The likeliest of its letters, the first among equals. */
  letter: string;
  /** The logit of each of its letters, before the cap, which does not change their order. */
  logits: number[];
}

/** A problem as tokens. */
interface Prompt {
  problem: number;
  letters: readonly string[];
  ids: readonly number[];
}

/**
 * Lets a model answer multiple-choice problems, as nanochat's `run_categorical_eval` does, a batch
 * at a time. Batches hold prompts of similar length, the longest first; they are padded on the
 * right, where causal attention does not look, and only the letters' rows of the vocabulary
 * product are computed, at the last token of each prompt.
 *
 * @param model The model; its parameters must stay as they are meanwhile.
 * @param problems Problems, whose letters must be single tokens.
 * @param batchSize Problems per forward pass.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @yields The choices of each batch.
 * @throws {UserError} when a letter is not a single token, the logits are not numbers, or the device
 * cannot hold the pass.
 */
export async function* chooseLetters(
  model: GPT,
  tokenizer: Tokenizer,
  problems: readonly MultipleChoiceProblem[],
  batchSize: number,
  signal?: AbortSignal,
): AsyncGenerator<Choice[]> {
  if (problems.length === 0) return;
  const prompts: Prompt[] = [];
  for (const [index, problem] of problems.entries()) {
    const ids = tokenizer.renderForCompletion(problem);
    prompts.push({ problem: index, letters: problem.letters, ids });
    await pause(signal);
  }
  prompts.sort((a, b) => b.ids.length - a.ids.length || a.problem - b.problem);
  const B = Math.min(batchSize, prompts.length);
  const letters = [...new Set(problems.flatMap((problem) => problem.letters))];
  const head = new LetterHead(model, letters.map((letter) => letterToken(tokenizer, letter)), B);
  let pass: Pass | undefined;
  let pending: { batch: Prompt[]; readback: Readback } | undefined;
  const collect = async ({ batch, readback }: NonNullable<typeof pending>) => {
    const logits = await readback.values();
    return batch.map((prompt, row): Choice => {
      const values = prompt.letters.map((letter) =>
        logits[row * letters.length + letters.indexOf(letter)]
      );
      if (!values.every(Number.isFinite)) throw logitsError();
      const best = values.indexOf(Math.max(...values));
      return { problem: prompt.problem, letter: prompt.letters[best], logits: values };
    });
  };
  try {
    for (let start = 0; start < prompts.length; start += B) {
      const batch = prompts.slice(start, start + B);
      const T = Math.ceil(batch[0].ids.length / LENGTH_STEP) * LENGTH_STEP;
      if (pass?.T !== T) {
        pass?.free();
        pass = undefined;
        pass = new Pass(model, B, T);
      }
      const x = new Int32Array(B * T).fill(tokenizer.bosId);
      batch.forEach(({ ids }, row) => x.set(ids, row * T));
      pass.batch.write(x);
      const rows = Array.from({ length: B }, (_, b) => b * T + (batch[b]?.ids.length ?? 1) - 1);
      head.write(rows);
      pass.forward();
      const readback = model.device.stage(head.logits(pass.final));
      model.device.submit();
      // The letters of a batch are fetched while the next one runs.
      if (pending) yield await collect(pending);
      pending = { batch, readback };
      // The CPU device runs without a pause: let signals and timers have their turn.
      await pause(signal);
    }
    if (pending) yield await collect(pending);
  } finally {
    pass?.free();
    head.free();
  }
}

/** The one token that a letter is. */
function letterToken(tokenizer: Tokenizer, letter: string): number {
  const ids = tokenizer.encode(letter);
  if (ids.length === 1) return ids[0];
  throw new UserError(
    `the answer "${letter}" is ${ids.length} tokens in this tokenizer, but must be one`,
  );
}

/** The rows of the vocabulary product that belong to a few tokens. */
class LetterHead {
  readonly #arena: Arena;
  readonly #weight: Tensor;
  readonly #rows: Tensor;
  readonly #x: Tensor;
  readonly #logits: Tensor;

  /** Gathers the rows of `tokens`, for `B` places at a time. */
  constructor(readonly model: GPT, tokens: readonly number[], B: number) {
    const { device, config: { nEmbd: C } } = model;
    const arena = this.#arena = new Arena(device);
    const ids = arena.tensor("letters", [tokens.length], "int32");
    this.#weight = arena.tensor("output layer of letters", [tokens.length, C]);
    this.#rows = arena.tensor("rows of answers", [B], "int32");
    this.#x = arena.tensor("final residual stream of answers", [B, C]);
    this.#logits = arena.tensor("logits of letters", [B, tokens.length]);
    device.write(ids, Int32Array.from(tokens));
    // A gathered row keeps its type; an embedding is float32 of a table of any.
    device.embedding({ out: this.#weight, table: model.value("lm_head.weight"), ids });
  }

  /** Says which rows of the residual stream are to be answered. */
  write(rows: readonly number[]): void {
    this.model.device.write(this.#rows, Int32Array.from(rows));
  }

  /** (B, letters) Their logits, before the cap, from `final` (N, C). */
  logits(final: Tensor): Tensor {
    const { device } = this.model;
    device.gatherRows({ out: this.#x, x: final, index: this.#rows });
    device.matmul({ out: this.#logits, a: this.#x, b: this.#weight, layout: "nt" });
    return this.#logits;
  }

  /** Gives the memory back. */
  free(): void {
    this.#arena.free();
  }
}
