/**
 * Draws the next token of each of an engine's rows, each as its own options say.
 *
 * @module
 */
import type { Readback, Tensor } from "../device/mod.ts";
import { Arena, type GPT } from "../model/mod.ts";
import type { Row } from "./row.ts";
import type { TokenLogprob } from "./sequence.ts";

/** What was drawn in one step. */
export interface Sampled {
  /** The token of each row. */
  tokens: ArrayLike<number>;
  /** (vocabSize) What the model gave, before any option, for each row that tells of it. */
  logits: readonly (Float32Array | undefined)[];
}

/** Draws tokens, with the tensors that this takes beside the logits. */
export class Sampler {
  readonly #model: GPT;
  readonly #arena: Arena;
  readonly #uniforms: Tensor;
  readonly #choices: Tensor;
  /** The places of logits that are changed, and by how much; as many as were needed at once. */
  #changes: { arena: Arena; index: Tensor; values: Tensor } | undefined;
  /** int32 (n) The rows whose logits are told, and those. */
  #told: { arena: Arena; index: Tensor; logits: Tensor } | undefined;
  #rows: readonly Row[] = [];
  #mostTopK = 0;

  /**
   * Plans memory for up to `rows` rows.
   *
   * @throws {UserError} when the device cannot hold it; nothing stays allocated.
   */
  constructor(model: GPT, rows: number) {
    this.#model = model;
    const arena = this.#arena = new Arena(model.device);
    this.#uniforms = arena.tensor("random numbers", [rows]);
    this.#choices = arena.tensor("choices of rows", [rows, 4]);
  }

  /** Decides for which rows the next tokens are drawn. */
  seat(rows: readonly Row[]): void {
    this.#rows = rows;
    const choices = rows.map(({ sampling: { temperature, topK, topP, minP } }) => {
      return [temperature, topK, topP, minP];
    });
    this.#model.device.write(this.#choices, Float32Array.from(choices.flat()));
    const topKs = rows.map(({ sampling }) => sampling.temperature === 0 ? 1 : sampling.topK);
    this.#mostTopK = topKs.includes(0) ? 0 : Math.max(...topKs);
  }

  /**
   * Draws the token that comes `step` steps from now.
   *
   * @param ids int32 (B) What is drawn is written here, and instead of it what a tool answers.
   * @param logits (B, V), which are changed as the rows' options say.
   * @returns Fetches what was drawn.
   */
  draw(ids: Tensor, logits: Tensor, step: number): () => Promise<Sampled> {
    const rows = this.#rows, { device, config: { vocabSize } } = this.#model;
    const told = this.#tell(logits);
    this.#change(logits);
    const uniforms = device.view(this.#uniforms, [rows.length]);
    if (rows.some(({ sampling }) => sampling.temperature > 0)) {
      device.write(uniforms, Float32Array.from(rows, (row) => row.uniform(step)));
    }
    const choices = device.view(this.#choices, [rows.length, 4]), mostTopK = this.#mostTopK;
    device.sample({ out: ids, logits, vocabSize, uniforms, choices, mostTopK });
    rows.forEach((row, b) => {
      const due = row.due(step);
      if (due !== undefined) device.write(ids, Int32Array.of(due), b);
    });
    const drawn = device.stage(ids);
    return async () => {
      const [tokens, values] = await Promise.all([drawn.values(), told?.values()]);
      const V = logits.shape[1];
      let place = 0;
      return {
        tokens,
        logits: rows.map(({ options }) => {
          if (!values || options.topLogprobs === undefined) return undefined;
          const start = V * place++;
          return (values as Float32Array).subarray(start, start + vocabSize);
        }),
      };
    };
  }

  /** Records the logits of the rows that tell of them. */
  #tell(logits: Tensor): Readback | undefined {
    const { device } = this.#model, V = logits.shape[1];
    const rows = this.#rows.keys().filter((b) => {
      return this.#rows[b].options.topLogprobs !== undefined;
    }).toArray();
    if (rows.length === 0) return undefined;
    if (!this.#told || this.#told.index.size < rows.length) {
      this.#told?.arena.free();
      this.#told = undefined;
      const arena = new Arena(device);
      this.#told = {
        arena,
        index: arena.tensor("rows that tell their logits", [rows.length], "int32"),
        logits: arena.tensor("logits that are told", [rows.length, V]),
      };
    }
    const { index, logits: all } = this.#told, out = device.view(all, [rows.length, V]);
    device.write(index, Int32Array.from(rows));
    device.gatherRows({ out, x: logits, index });
    return device.stage(out);
  }

  /** Adds what the rows' options add to logits. */
  #change(logits: Tensor): void {
    const { device } = this.#model, V = logits.shape[1];
    const index: number[] = [], values: number[] = [];
    this.#rows.forEach((row, b) => {
      for (const [token, value] of changesOf(row)) {
        index.push(b * V + token);
        values.push(value);
      }
    });
    const count = index.length;
    if (count === 0) return;
    if (!this.#changes || this.#changes.index.size < count) {
      this.#changes?.arena.free();
      this.#changes = undefined;
      const arena = new Arena(device);
      // Penalties grow by a token a step.
      const room = 2 ** Math.ceil(Math.log2(Math.max(64, count)));
      this.#changes = {
        arena,
        index: arena.tensor("places of changed logits", [room], "int32"),
        values: arena.tensor("changes of logits", [room]),
      };
    }
    const { arena: _, ...changes } = this.#changes;
    device.write(changes.index, Int32Array.from(index));
    device.write(changes.values, Float32Array.from(values));
    device.addElements({ x: logits, ...changes, count });
  }

  /** Gives the memory back. */
  free(): void {
    for (const arena of [this.#arena, this.#changes?.arena, this.#told?.arena]) arena?.free();
  }
}

/** What is added to a row's logits, by token. */
function changesOf({ options, counts }: Row): Map<number, number> {
  const { logitBias, presencePenalty = 0, frequencyPenalty = 0 } = options;
  const changes = new Map(logitBias);
  for (const [token, count] of counts) {
    const penalty = presencePenalty + count * frequencyPenalty;
    changes.set(token, (changes.get(token) ?? 0) - penalty);
  }
  return changes;
}

/**
 * What logits say of a token and of the likeliest.
 *
 * @param logits (V) One row.
 * @param token Whose probability is wanted.
 * @param top How many of the likeliest are wanted; the lower index first among equals.
 */
export function logprobsOf(
  logits: Float32Array,
  token: number,
  top: number,
): { logprob: number; topLogprobs: TokenLogprob[] } {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const mass = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  const lse = highest + Math.log(mass);
  const likeliest: number[] = [];
  for (let i = 0; i < logits.length && top > 0; i++) {
    if (likeliest.length === top && !(logits[i] > logits[likeliest[top - 1]])) continue;
    let place = likeliest.length;
    while (place > 0 && logits[likeliest[place - 1]] < logits[i]) place--;
    likeliest.splice(place, 0, i);
    likeliest.length = Math.min(likeliest.length, top);
  }
  const topLogprobs = likeliest.map((token) => ({ token, logprob: logits[token] - lse }));
  return { logprob: logits[token] - lse, topLogprobs };
}
