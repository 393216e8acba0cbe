/**
 * Token-by-token generation of sequences that join and leave at any token (Yu et al., Orca), over one
 * cache of keys and values, while tools answer in between. After `nanochat/engine.py`, whose rows
 * begin and end together.
 *
 * @module
 */
import { PAGE_ROWS } from "../device/attention.ts";
import { NOT_NUMBERS } from "../device/sampling.ts";
import { UserError } from "../errors.ts";
import type { GPT } from "../model/mod.ts";
import { pause } from "../pause.ts";
import { type Memory, pagesFor, planMemory, PREFILL_TOKENS } from "./memory.ts";
import { hasPenalties, Row } from "./row.ts";
import { logprobsOf, type Sampled } from "./sampler.ts";
import { logitsError, samplingOptions } from "./sampling.ts";
import type {
  EngineUse,
  Sequence,
  SequenceEngine,
  SequenceOptions,
  SequenceStep,
} from "./sequence.ts";
import type { ToolUseStep, ToolUseTokenizer } from "./tool_use.ts";

/** How much is generated, and how. Row `r` draws its random numbers from seed + r. */
export interface GenerateOptions extends SequenceOptions {
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
  /** Most sequences side by side; 1 by default. {@link Engine.generate} makes room for its own. */
  rows?: number;
  /**
   * Of how many tokens keys and values are kept, those of all sequences together; `capacity` by
   * default, and no fewer.
   */
  cacheTokens?: number;
  /**
   * How many tokens are sampled before the host looks at them; what a tool's answer or an end
   * makes useless is thrown away. Default: 8 on WebGPU, where each look takes 10 ms, else 1.
   */
  stepsPerRead?: number;
}

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
 *
 * // Or beside others, which join and leave at any token.
 * const sequence = engine.add(prompt, { temperature: 0, maxTokens: 8 });
 * const same: number[] = [];
 * while (sequence.isRunning) {
 *   for (const step of await engine.step()) same.push(step.token);
 * }
 * assertEquals(same, tokens);
 * engine.free();
 * await device.close();
 * ```
 */
export class Engine implements SequenceEngine {
  /** Most tokens of a prompt and its continuation together. */
  readonly capacity: number;
  readonly #stepsPerRead: number;
  #memory: Memory;
  readonly #waiting: Row[] = [];
  /** The one whose prompt is being read; those that begin alike find afterwards what it has read. */
  #reading: Row | undefined;
  readonly #rows: Row[] = [];
  /** Whether the device goes on where the rows are: not after one came, left or took tokens back. */
  #isSeated = false;
  #isGenerating = false;
  #isStepping = false;

  /**
   * Plans the memory.
   *
   * @throws {UserError} when the device cannot hold it.
   */
  constructor(
    readonly model: GPT,
    readonly tokenizer: ToolUseTokenizer,
    options: EngineOptions = {},
  ) {
    const { capacity = model.config.sequenceLen, rows = 1, cacheTokens = capacity } = options;
    this.capacity = capacity;
    this.#stepsPerRead = options.stepsPerRead ?? (model.device.kind === "webgpu" ? 8 : 1);
    const pages = pagesFor(Math.max(capacity, cacheTokens));
    this.#memory = planMemory(model, capacity, rows, pages);
  }

  /** How much is in use. */
  get use(): EngineUse {
    const { rows: maxRows, pool } = this.#memory;
    const waiting = this.#waiting.length + (this.#reading ? 1 : 0);
    const pages = { pages: pool.held, maxPages: pool.count, pageTokens: PAGE_ROWS };
    return { rows: this.#rows.length, maxRows, waiting, ...pages };
  }

  /** See {@link SequenceEngine.add}. */
  add(prompt: readonly number[], options: SequenceOptions = {}): Sequence {
    if (this.#isGenerating) throw generatingError();
    return this.#add(this.#rowOf(prompt, options));
  }

  #rowOf(prompt: readonly number[], options: SequenceOptions): Row {
    const { capacity, tokenizer, model: { config: { vocabSize } } } = this;
    return new Row(prompt, options, { capacity, tokenizer, vocabSize });
  }

  #add(row: Row): Row {
    if (row.room === 0) row.isRunning = false;
    else this.#waiting.push(row);
    return row;
  }

  /** See {@link SequenceEngine.remove}. */
  remove(sequence: Sequence): void {
    const row = sequence as Row;
    if (!row.isRunning) return;
    row.isRunning = false;
    if (this.#reading === row) this.#reading = undefined;
    for (const rows of [this.#waiting, this.#rows]) {
      const place = rows.indexOf(row);
      if (place >= 0) rows.splice(place, 1);
    }
    if (row.lease) this.#memory.pool.giveBack(row.lease);
    this.#isSeated = false;
  }

  /** See {@link SequenceEngine.step}. */
  async step(): Promise<readonly SequenceStep[]> {
    if (this.#isGenerating || this.#isStepping) throw generatingError();
    return await this.#step(PREFILL_TOKENS);
  }

  /** As {@link step}, for so many tokens of prompts. */
  async #step(promptTokens: number): Promise<readonly SequenceStep[]> {
    this.#isStepping = true;
    try {
      this.#read(promptTokens);
      return await this.#next();
    } catch (error) {
      // The device may be further than the rows.
      this.#isSeated = false;
      throw error;
    } finally {
      this.#isStepping = false;
    }
  }

  /** The next tokens of all rows. */
  async #next(): Promise<readonly SequenceStep[]> {
    const rows = [...this.#rows];
    if (rows.length === 0) return [];
    const steps: SequenceStep[] = [], isVoid = new Set<Row>();
    // Fetched together: on WebGPU the wait for one is the wait for all.
    for (const sampled of await Promise.all(this.#sample(rows))) {
      rows.forEach((row, b) => {
        if (!row.isRunning || isVoid.has(row)) return;
        const step = this.#take(row, sampled, b);
        steps.push(step);
        if (step.token === sampled.tokens[b]) return;
        // A tool's answer begins here: what was sampled instead and after it is void.
        isVoid.add(row);
        this.#isSeated = false;
      });
    }
    return steps;
  }

  /** Reads up to so many tokens of the prompts that come next, of each all but the last. */
  #read(most: number): void {
    const { device } = this.model, { pass, pool } = this.#memory;
    for (let left = most; left > 0;) {
      const row = this.#reading ??= this.#begin();
      if (!row) break;
      const { length, tokens } = row, end = tokens.length - 1;
      const count = Math.min(left, PREFILL_TOKENS, end - length);
      if (count > 0) {
        pass.seat([row.seat]);
        device.write(pass.ids, Int32Array.from(tokens.slice(length, length + count)));
        pass.forward(count);
        device.submit();
        row.length += count;
        pool.holds(row.lease!, tokens, row.length);
        left -= count;
      }
      this.#isSeated = false;
      if (row.length < end) continue;
      this.#reading = undefined;
      this.#rows.push(row);
    }
  }

  /** Gives pages to who has waited longest, if there are enough and a row is free. */
  #begin(): Row | undefined {
    const { rows, pass, pool } = this.#memory, row = this.#waiting[0];
    if (!row || this.#rows.length === rows) return undefined;
    const lease = pool.lease(row.prompt.slice(0, -1), row.limit);
    if (!lease) return undefined;
    if (lease.copy) pass.copyPage(lease.copy.from, lease.copy.to);
    row.begin(lease);
    return this.#waiting.shift();
  }

  /** Samples the next tokens of rows, as many as may be looked at together. */
  #sample(rows: readonly Row[]): Promise<Sampled>[] {
    const { device } = this.model, { pass, sampler } = this.#memory;
    const ids = device.view(pass.ids, [rows.length]);
    if (!this.#isSeated) {
      pass.seat(rows.map((row) => row.seat));
      sampler.seat(rows);
      device.write(ids, Int32Array.from(rows, ({ tokens }) => tokens.at(-1)!));
      this.#isSeated = true;
    }
    const ahead = rows.some(({ options }) => hasPenalties(options))
      ? 1
      : Math.min(this.#stepsPerRead, ...rows.map(({ room }) => room));
    const draws = Array.from({ length: ahead }, (_, step) => {
      pass.forward(1);
      return sampler.draw(ids, pass.logits(), step);
    });
    device.submit();
    return draws.map((draw) => draw());
  }

  /** Gives the row at a place what was sampled there. */
  #take(row: Row, { tokens, logits }: Sampled, b: number): SequenceStep {
    if (tokens[b] === NOT_NUMBERS) throw logitsError();
    const { topLogprobs } = row.options, step = { sequence: row, ...row.take(tokens[b]) };
    this.#memory.pool.holds(row.lease!, row.tokens, row.length);
    if (step.end) this.remove(row);
    if (topLogprobs === undefined) return step;
    return { ...step, ...logprobsOf(logits[b]!, step.token, topLogprobs) };
  }

  /**
   * Continues prompts, a row each; what they begin with alike is read once. Ends when every row's
   * turn is over, or the tokens asked for or the room are used up. Until this has ended, or was left
   * with `break` or `return()`, the engine does nothing else.
   *
   * @param prompts Token ids, each of at least one and fewer than {@link capacity}.
   * @yields For each row its next token, or undefined once its turn is over.
   * @throws {RangeError} for a prompt that is empty, has no room for an answer, or holds what is no
   * token of the model.
   * @throws {UserError} for a sampling option that makes no sense, while the engine generates
   * something else, and when the model's logits are not numbers.
   */
  async *generate(
    prompts: readonly (readonly number[])[],
    { streams = prompts.keys().toArray(), ...options }: GenerateOptions = {},
  ): AsyncGenerator<(ToolUseStep | undefined)[]> {
    if (this.#isGenerating || this.#rows.length + this.use.waiting > 0) throw generatingError();
    const { seed } = samplingOptions(options);
    const rows = prompts.map((prompt, r) => {
      const own = { ...options, seed: seed + streams[r] };
      return this.#rowOf(prompt, own);
    });
    this.#isGenerating = true;
    try {
      this.#makeRoom(rows);
      yield* this.#generate(rows);
    } finally {
      rows.forEach((row) => this.remove(row));
      this.#isGenerating = false;
    }
  }

  /** The tokens of rows, those of one place in all of them together. */
  async *#generate(rows: readonly Row[]): AsyncGenerator<(ToolUseStep | undefined)[]> {
    const given = new Map<Sequence, ToolUseStep[]>(rows.map((row) => [this.#add(row), []]));
    const isThere = (row: Row) => given.get(row)!.length > 0;
    for (;;) {
      // Prompts are read first: nobody waits for the first tokens.
      while (rows.some((row) => row.isRunning && !isThere(row))) {
        for (const { sequence, token, forced } of await this.#step(Infinity)) {
          given.get(sequence)!.push({ token, forced });
        }
        // The CPU device runs without a pause: let signals and timers have their turn.
        await pause();
      }
      if (!rows.some(isThere)) return;
      yield rows.map((row) => given.get(row)!.shift());
    }
  }

  /** Plans memory anew if it is too small for rows side by side. */
  #makeRoom(rows: readonly Row[]): void {
    const pages = rows.reduce((sum, { limit }) => sum + pagesFor(limit), 0);
    const { rows: most, pool } = this.#memory;
    if (rows.length <= most && pages <= pool.count) return;
    const plan = (rows: number, pages: number) =>
      planMemory(this.model, this.capacity, rows, pages);
    this.#memory.free();
    try {
      this.#memory = plan(Math.max(rows.length, most), Math.max(pages, pool.count));
    } catch (error) {
      this.#memory = plan(most, pool.count);
      throw error;
    }
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
    this.#memory.free();
  }
}

function generatingError(): UserError {
  return new UserError(
    "this engine is generating already; wait until that has ended, or open another engine",
  );
}
