/**
 * Token-by-token generation, after `nanochat/engine.py`: prompts are read once, rows of samples go
 * on from there with a cache of keys and values, and tools answer in between.
 *
 * @module
 */
import type { Readback, Tensor } from "../device/mod.ts";
import { NOT_NUMBERS } from "../device/sampling.ts";
import { UserError } from "../errors.ts";
import { CachedPass, type GPT } from "../model/mod.ts";
import { pause } from "../pause.ts";
import { PythonRandom } from "../random/mod.ts";
import { logitsError, type SamplingOptions, samplingOptions } from "./sampling.ts";
import { ToolUse, type ToolUseStep, type ToolUseTokenizer } from "./tool_use.ts";

/** How much is generated, and how. */
export interface GenerateOptions extends SamplingOptions {
  /** Most new tokens per row. Default: as many as the context has room for. */
  maxTokens?: number;
  /**
   * What each row adds to the seed instead of its place: rows that are to draw the same random
   * numbers whatever they are generated with.
   */
  streams?: readonly number[];
}

/** Settings of an {@link Engine}. */
export interface EngineOptions {
  /** Most tokens of a prompt and its continuation together; the model's own length by default. */
  capacity?: number;
  /**
   * How many tokens are sampled before the host looks at them; what a tool's answer or an end
   * makes useless is thrown away. Default: 8 on WebGPU, where each look takes 10 ms, else 1.
   */
  stepsPerRead?: number;
}

/** Most tokens of a prompt that are read in one go. */
const PREFILL_TOKENS = 512;
/** Steps of the float32 numbers in [0, 1) that are evenly spaced. */
const UNIFORM_STEPS = 2 ** 24;

/**
 * Generates text from a model, whose parameters must stay as they are while it does.
 *
 * @example
 * ```ts
 * import { openDevice } from "@nanochat/sft/device";
 * import { Engine } from "@nanochat/sft/engine";
 * import { GPT, initialParameters } from "@nanochat/sft/model";
 * import { trainTokenizer } from "@nanochat/sft/tokenizer";
 * import { assertEquals } from "@std/assert";
 *
 * const tokenizer = await trainTokenizer(["to be or not to be"], { vocabSize: 270 });
 * const { device } = await openDevice({ deviceType: "cpu" });
 * const config = { sequenceLen: 32, vocabSize: 270, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 64,
 *   windowPattern: "L" };
 * const model = new GPT(device, config);
 * await model.load(initialParameters(config, 42)); // or from a checkpoint
 *
 * const engine = new Engine(model, tokenizer);
 * const prompt = [tokenizer.bosId, ...tokenizer.encode("to be")];
 * const tokens: number[] = [];
 * for await (const [step] of engine.generate([prompt], { temperature: 0, maxTokens: 8 })) {
 *   if (step) tokens.push(step.token);
 * }
 * assertEquals(tokens.length <= 8, true);
 * engine.free();
 * await device.close();
 * ```
 */
export class Engine {
  /** Most tokens of a prompt and its continuation together. */
  readonly capacity: number;
  readonly #stepsPerRead: number;
  readonly #prefill: CachedPass;
  /** What {@link #prefill} has read. */
  #context: readonly number[] = [];
  #rows: CachedPass | undefined;
  #isGenerating = false;

  /**
   * Plans memory for reading prompts; that for rows is planned when they are asked for.
   *
   * @throws {UserError} when the device cannot hold the cache.
   */
  constructor(
    readonly model: GPT,
    readonly tokenizer: ToolUseTokenizer,
    options: EngineOptions = {},
  ) {
    this.capacity = options.capacity ?? model.config.sequenceLen;
    this.#stepsPerRead = options.stepsPerRead ?? (model.device.kind === "webgpu" ? 8 : 1);
    const maxT = Math.min(PREFILL_TOKENS, this.capacity);
    this.#prefill = new CachedPass(model, 1, this.capacity, maxT);
  }

  /** Reads all but the last token of a prompt, or the rest if it goes on from the one before. */
  #read(prompt: readonly number[]): void {
    const pass = this.#prefill, end = prompt.length - 1;
    const goesOn = this.#context.length <= end &&
      this.#context.every((token, i) => token === prompt[i]);
    if (!goesOn || this.#context.length === 0) {
      pass.reset();
      this.#context = [];
    } else if (pass.lengths[0] > this.#context.length) {
      // A single row was generated behind it.
      pass.rewind(Int32Array.of(this.#context.length), Int32Array.of(this.#context.at(-1)!));
    }
    while (this.#context.length < end) {
      const start = this.#context.length;
      const tokens = prompt.slice(start, Math.min(start + pass.maxT, end));
      this.model.device.write(pass.ids, Int32Array.from(tokens));
      pass.forward(tokens.length);
      this.model.device.submit();
      this.#context = prompt.slice(0, start + tokens.length);
    }
  }

  /**
   * Memory for `B` rows; that for another number of rows is given back. A single row goes on where
   * its prompt was read: its cache would be as large again.
   */
  #pass(B: number): CachedPass {
    if (B === 1) return this.#prefill;
    if (this.#rows?.B !== B) {
      this.#rows?.free();
      this.#rows = undefined;
      this.#rows = new CachedPass(this.model, B, this.capacity, 1);
    }
    return this.#rows;
  }

  /**
   * Continues prompts, a row each; equal neighbours are read once. Ends when every row's turn is
   * over, or the tokens asked for or the room are used up. An engine has one cache: until this has
   * ended, or was left with `break` or `return()`, it does nothing else.
   *
   * @param prompts Token ids, each of at least one and fewer than {@link capacity}.
   * @yields For each row its next token, or undefined once its turn is over.
   * @throws {RangeError} for a prompt that is empty or has no room for an answer.
   * @throws {UserError} for a sampling option that makes no sense, while the engine generates
   * something else, and when the model's logits are not numbers.
   */
  async *generate(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions = {},
  ): AsyncGenerator<(ToolUseStep | undefined)[]> {
    if (this.#isGenerating) {
      throw new UserError(
        "this engine is generating already; wait until that has ended, or open another engine",
      );
    }
    this.#isGenerating = true;
    try {
      yield* this.#generate(prompts, options);
    } finally {
      this.#isGenerating = false;
    }
  }

  async *#generate(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
  ): AsyncGenerator<(ToolUseStep | undefined)[]> {
    const sampling = samplingOptions(options);
    for (const { length } of prompts) {
      if (length === 0 || length >= this.capacity) {
        throw new RangeError(`a prompt of ${length} tokens in a context of ${this.capacity}`);
      }
    }
    if (prompts.length === 0) return;
    const { device } = this.model;
    const longest = prompts.reduce((most, { length }) => Math.max(most, length), 0);
    const limit = Math.min(options.maxTokens ?? Infinity, this.capacity - longest);
    const rows = prompts.map(() => new ToolUse(this.tokenizer));
    const pass = this.#pass(prompts.length);
    prompts.forEach((prompt, row) => {
      this.#read(prompt);
      if (pass !== this.#prefill) pass.adopt(this.#prefill, [row]);
    });
    const ids = device.view(pass.ids, [prompts.length]);
    const uniforms = device.allocate("random numbers", [prompts.length]);
    const { streams = prompts.keys().toArray() } = options;
    const generators = streams.map((stream) => new PythonRandom(sampling.seed + stream));
    const drawn: Float32Array[] = [];
    /** The numbers of a step are the same however often it is taken. */
    const numbersOf = (step: number) =>
      drawn[step] ??= Float32Array.from(generators, (generator) => {
        return Math.floor(generator.random() * UNIFORM_STEPS) / UNIFORM_STEPS;
      });
    try {
      let inputs = Int32Array.from(prompts, (prompt) => prompt[prompt.length - 1]);
      device.write(ids, inputs);
      for (let step = 0; step < limit && rows.some((row) => !row.completed);) {
        const ahead = Math.min(limit - step, this.#stepsPerRead);
        const readbacks = Array.from({ length: ahead }, (_, i) => {
          if (sampling.temperature > 0) device.write(uniforms, numbersOf(step + i));
          return this.#step(pass, rows.map((row) => row.due[i]), { ids, uniforms, sampling });
        });
        device.submit();
        // Fetched together: on WebGPU the wait for one is the wait for all.
        const sampled = await Promise.all(readbacks.map((readback) => readback.values()));
        for (const [i, values] of sampled.entries()) {
          if (rows.every((row) => row.completed)) break;
          const tokens = values as Int32Array<ArrayBuffer>;
          if (tokens.includes(NOT_NUMBERS)) throw logitsError();
          const steps = rows.map((row, r) => row.completed ? undefined : row.next(tokens[r]));
          step++;
          yield steps;
          const wanted = tokens.map((token, r) => steps[r]?.token ?? token);
          if (wanted.some((token, r) => token !== tokens[r])) {
            // A tool's answer begins here: what was sampled instead and after it is void.
            pass.rewind(pass.lengths.map((length) => length - (ahead - 1 - i)), inputs);
            device.write(ids, inputs = wanted);
            break;
          }
          inputs = tokens;
        }
        // The CPU device runs without a pause: let signals and timers have their turn.
        await pause();
      }
    } finally {
      device.free(uniforms);
    }
  }

  /** Appends `ids` to the rows and samples the next ones into it, except those that are due. */
  #step(
    pass: CachedPass,
    due: readonly (number | undefined)[],
    { ids, uniforms, sampling }: {
      ids: Tensor;
      uniforms: Tensor;
      sampling: Required<SamplingOptions>;
    },
  ): Readback {
    const { device, config: { vocabSize } } = this.model;
    pass.forward(1);
    device.sample({ out: ids, logits: pass.logits(), vocabSize, uniforms, ...sampling });
    due.forEach((token, row) => {
      if (token !== undefined) device.write(ids, Int32Array.of(token), row);
    });
    return device.stage(ids);
  }

  /**
   * Continues prompts to their end, as {@link generate} does.
   *
   * @param signal Ends it early when aborted.
   * @returns For each row its new tokens, without the one that ends its turn.
   */
  async generateBatch(
    prompts: readonly (readonly number[])[],
    options: GenerateOptions & { signal?: AbortSignal } = {},
  ): Promise<number[][]> {
    const results = prompts.map((): number[] => []);
    const ends = [this.tokenizer.bosId, this.tokenizer.encodeSpecial("<|assistant_end|>")];
    for await (const steps of this.generate(prompts, options)) {
      steps.forEach((step, row) => {
        if (step && !ends.includes(step.token)) results[row].push(step.token);
      });
      if (options.signal?.aborted) break;
    }
    return results;
  }

  /** Gives all memory back. */
  free(): void {
    this.#prefill.free();
    this.#rows?.free();
  }
}
