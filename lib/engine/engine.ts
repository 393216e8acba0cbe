/**
 * Token-by-token generation, after `nanochat/engine.py`: prompts are read once, rows of samples go
 * on from there with a cache of keys and values, and tools answer in between.
 *
 * @module
 */
import { CachedPass, type GPT } from "../model/mod.ts";
import { PythonRandom } from "../random/mod.ts";
import { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";

/** How tokens are chosen, see {@link SamplingArgs}. */
export interface SamplingOptions {
  /** 0 takes the most likely token; 1 samples from the model's distribution. Default 1. */
  temperature?: number;
  /** Keep this many of the most likely tokens; 0, the default, keeps all. */
  topK?: number;
  /** Keep the most likely tokens up to this mass. Default 1. */
  topP?: number;
  /** Keep tokens of at least this share of the likeliest one's probability. Default 0. */
  minP?: number;
  /** Row `r` draws its random numbers from seed + r. Default 42. */
  seed?: number;
}

/** How much is generated. */
export interface GenerateOptions extends SamplingOptions {
  /** Most new tokens per row. Default: as many as the context has room for. */
  maxTokens?: number;
}

/** Most tokens of a prompt that are read in one go. */
const PREFILL_TOKENS = 512;

/**
 * Generates text from a model.
 *
 * @example
 * ```ts no-eval
 * import { Engine } from "@nanochat/sft/engine";
 * declare const model: ConstructorParameters<typeof Engine>[0];
 * declare const tokenizer: ConstructorParameters<typeof Engine>[1];
 *
 * const engine = new Engine(model, tokenizer);
 * const prompt = [tokenizer.bosId, ...Array.from(tokenizer.encode("The sky is"))];
 * for await (const [step] of engine.generate([prompt], { temperature: 0, maxTokens: 16 })) {
 *   if (step) console.log(tokenizer.decode([step.token]));
 * }
 * ```
 */
export class Engine {
  /** Most tokens of a prompt and its continuation together. */
  readonly capacity: number;
  readonly #prefill: CachedPass;
  readonly #decoding = new Map<number, CachedPass>();
  readonly #stepsPerRead: number;

  /**
   * Plans memory for reading prompts; that for rows is planned when they are first asked for.
   *
   * @param options `capacity`: longest sequence, the model's own length unless given.
   * `stepsPerRead`: how many tokens are sampled before the host looks at them; what a tool or an
   * end makes useless is thrown away. Default: 8 on WebGPU, where each look takes 10 ms, else 1.
   * @throws {UserError} when the device cannot hold the cache.
   */
  constructor(
    readonly model: GPT,
    readonly tokenizer: ToolUseTokenizer,
    options: { capacity?: number; stepsPerRead?: number } = {},
  ) {
    this.capacity = options.capacity ?? model.config.sequenceLen;
    this.#stepsPerRead = options.stepsPerRead ?? (model.device.kind === "webgpu" ? 8 : 1);
    const maxT = Math.min(PREFILL_TOKENS, this.capacity);
    this.#prefill = new CachedPass(model, 1, this.capacity, maxT);
  }

  /** Reads all but the last token of a prompt. */
  #read(prompt: readonly number[]): void {
    const pass = this.#prefill;
    pass.reset();
    for (let start = 0; start < prompt.length - 1; start += pass.maxT) {
      const tokens = prompt.slice(start, Math.min(start + pass.maxT, prompt.length - 1));
      this.model.device.write(pass.ids, Int32Array.from(tokens));
      pass.forward(tokens.length);
      this.model.device.submit();
    }
  }

  #rows(B: number): CachedPass {
    let pass = this.#decoding.get(B);
    if (!pass) this.#decoding.set(B, pass = new CachedPass(this.model, B, this.capacity, 1));
    return pass;
  }

  /**
   * Continues prompts, a row each; equal neighbours are read once. Ends when every row's turn is
   * over or the room is used up.
   *
   * @param prompts Token ids, each of at least one and fewer than {@link capacity}.
   * @yields For each row its next token, or undefined once its turn is over.
   * @throws {RangeError} for a prompt that is empty or has no room for an answer.
   */
  async *generate(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions = {},
  ): AsyncGenerator<(ToolUseStep | undefined)[]> {
    const { model: { device, config } } = this;
    const { temperature = 1, topK = 0, topP = 1, minP = 0, seed = 42 } = options;
    for (const { length } of prompts) {
      if (length === 0 || length >= this.capacity) {
        throw new RangeError(`a prompt of ${length} tokens in a context of ${this.capacity}`);
      }
    }
    const B = prompts.length, pass = this.#rows(B);
    const longest = Math.max(...prompts.map((prompt) => prompt.length));
    let left = Math.min(options.maxTokens ?? Infinity, this.capacity - longest);
    const random = prompts.map((_, row) => new PythonRandom(seed + row));
    const rows = prompts.map(() => new ToolUse(this.tokenizer));

    prompts.forEach((prompt, row) => {
      if (row === 0 || prompt.join() !== prompts[row - 1].join()) this.#read(prompt);
      pass.adopt(this.#prefill, [row]);
    });
    const ids = device.view(pass.ids, [B]);
    const uniforms = device.allocate("random numbers", [B]);
    try {
      device.write(ids, Int32Array.from(prompts, (prompt) => prompt[prompt.length - 1]));
      while (left > 0 && rows.some((row) => !row.completed)) {
        const sampled = Array.from({ length: Math.min(left, this.#stepsPerRead) }, () => {
          device.write(uniforms, Float32Array.from(random, (generator) => generator.random()));
          pass.forward(1);
          const logits = pass.logits(), { vocabSize } = config;
          device.sample({ out: ids, logits, vocabSize, uniforms, temperature, topK, topP, minP });
          return device.stage(ids);
        });
        device.submit();
        for (const [ahead, readback] of sampled.entries()) {
          const tokens = await readback.values();
          const steps = rows.map((row, r) => row.completed ? undefined : row.next(tokens[r]));
          left--;
          yield steps;
          if (!steps.some((step, r) => step && step.token !== tokens[r])) continue;
          // A tool's answer replaced a sampled token: what was sampled after it is void.
          const last = tokens.map((token, r) => steps[r]?.token ?? token) as Int32Array;
          const kept = pass.lengths.map((length) => length - (sampled.length - 1 - ahead));
          pass.rewind(kept, last);
          break;
        }
      }
    } finally {
      device.free(uniforms);
    }
  }

  /** Gives all memory back. */
  free(): void {
    this.#prefill.free();
    for (const pass of this.#decoding.values()) pass.free();
  }
}
