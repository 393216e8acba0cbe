/** Sequences that come and go at random, beside others that begin alike, use tools and are removed. */
import { assert, assertEquals } from "@std/assert";
import {
  Engine,
  type Sequence,
  type SequenceOptions,
  type ToolUseTokenizer,
} from "../../lib/engine/mod.ts";
import { PythonRandom } from "../../lib/random/mod.ts";
import { devices } from "../device/devices.ts";
import { loadEra } from "../model/eras.ts";
import { alone } from "./plain_sequences.ts";

/** Ids that start and end an expression, whose result is 42. */
const START = 11, END = 12;
const SPECIAL: Record<string, number> = {
  "<|python_start|>": START,
  "<|python_end|>": END,
  "<|output_start|>": 13,
  "<|output_end|>": 14,
  "<|assistant_end|>": 15,
};
const toolTokens: ToolUseTokenizer = {
  bosId: -1,
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0)),
  decode: () => "6*7",
  encodeSpecial: (name) => SPECIAL[name] ?? -1,
};

/** One that was added, and what it was given. */
interface Added {
  sequence: Sequence;
  options: SequenceOptions;
  given: number[];
  /** How many of those a tool answered. */
  forced: number;
  isRemoved: boolean;
}

/** Numbers for one run. */
class Chance {
  readonly #random: PythonRandom;

  constructor(seed: number) {
    this.#random = new PythonRandom(seed);
  }

  /** A whole number below `n`. */
  below(n: number): number {
    return Math.floor(this.#random.random() * n);
  }

  /** One of some. */
  of<T>(all: readonly T[]): T {
    return all[this.below(all.length)];
  }

  /** A prompt: one of three beginnings, or what another has come to, up to a page's border or any place. */
  prompt(capacity: number, vocabSize: number, added: readonly Added[]): number[] {
    const kind = this.below(3), borders = [1, 2, 63, 64, 65, 66, 127, 128, 129, capacity - 1];
    const length = this.below(2) ? this.of(borders) : 1 + this.below(capacity - 1);
    const other = added.length > 0 && this.below(3) === 0 ? this.of(added) : undefined;
    const begun = other ? [...other.sequence.prompt, ...other.given] : [];
    const prompt = Array.from({ length: Math.min(length, capacity - 1) }, (_, i) => {
      return begun[i] ?? (i * i * 31 + i * 7 * kind + kind + 1) % vocabSize;
    });
    return this.below(2) ? prompt : [...prompt.slice(0, -1), this.below(vocabSize)];
  }

  options(): SequenceOptions {
    const isOften = () => this.below(4) === 0;
    return {
      temperature: this.of([0, 0.7, 1]),
      topK: this.of([0, 5]),
      topP: this.of([1, 0.8]),
      seed: this.below(1000),
      maxTokens: this.below(20),
      presencePenalty: isOften() ? 1 : undefined,
      frequencyPenalty: isOften() ? 0.5 : undefined,
      topLogprobs: isOften() ? 2 : undefined,
      logitBias: this.below(2) ? new Map([[START, 12], [END, 12], [15, -6]]) : undefined,
    };
  }
}

/** Adds and removes sequences while others go on; all of them, when they have ended. */
async function comeAndGo(engine: Engine, chance: Chance, count: number): Promise<Added[]> {
  const added: Added[] = [], { model, capacity } = engine, { vocabSize } = model.config;
  while (added.length < count || engine.use.rows + engine.use.waiting > 0) {
    const step = engine.step();
    // Before it ends: the device may be at it.
    if (added.length < count && chance.below(2) === 0) {
      const options = chance.options();
      const sequence = engine.add(chance.prompt(capacity, vocabSize, added), options);
      added.push({ sequence, options, given: [], forced: 0, isRemoved: false });
    }
    const gone = chance.below(12) === 0 ? chance.of(added) : undefined;
    if (gone?.sequence.isRunning) {
      engine.remove(gone.sequence);
      gone.isRemoved = true;
    }
    for (const { sequence, token, forced } of await step) {
      const one = added.find((one) => one.sequence === sequence)!;
      one.given.push(token);
      one.forced += Number(forced);
    }
  }
  return added;
}

/** Models with and without the parts that look back at the last token. */
const ERAS = ["1-oct2025", "6-jan2026-bigram", "10-jul2026-newest"];

for (const { name, device } of devices) {
  for (const era of name === "cpu" ? ERAS : ERAS.slice(-1)) {
    Deno.test({
      name: `${name}: ${era}: at random beside others, each gives what it gives alone`,
      ignore: device === undefined,
      fn: async () => {
        const { model } = await loadEra(device!, era);
        const runs = [[50, 3], [model.config.sequenceLen, 1], [model.config.sequenceLen, 5]];
        let forced = 0;
        for (const [seed, [capacity, stepsPerRead]] of runs.entries()) {
          if (name !== "cpu" && seed === 1) continue;
          const settings = { rows: 4, cacheTokens: 256, capacity, stepsPerRead };
          const engine = new Engine(model, toolTokens, settings);
          const added = await comeAndGo(engine, new Chance(seed), name === "cpu" ? 40 : 14);
          assertEquals(engine.use.pages, 0, "all pages are given back");
          assert(added.some(({ sequence }) => sequence.sharedTokens > 0), "beginnings are shared");
          forced += added.reduce((sum, one) => sum + one.forced, 0);
          for (const { sequence: { prompt }, options, given, isRemoved } of added) {
            const whole = await alone(model, prompt, options, { capacity, tokenizer: toolTokens });
            assertEquals(given, isRemoved ? whole.slice(0, given.length) : whole);
          }
          engine.free();
        }
        assert(forced > 0, "tools answer");
        model.free();
      },
    });
  }
}
