import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import {
  Engine,
  type EngineOptions,
  type Sequence,
  type SequenceOptions,
} from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { GPT } from "../../lib/model/mod.ts";
import { devices } from "../device/devices.ts";
import { Float64Device } from "../device/float64_device.ts";
import { parityModel } from "../model/parity.ts";
import { parityFolder } from "../model/parity_folders.ts";
import { alone, finish, idsOf, plainTokens } from "./plain_sequences.ts";
import { uncachedLogits } from "./uncached.ts";

/** `count` tokens that differ by `kind`. */
const tokens = (count: number, kind: number) =>
  Array.from({ length: count }, (_, i) => (i * i * 31 + i * 7 * kind + kind) % 90);

/** Runs with a model of two layers with a window on a device, float64 unless another is given. */
async function withModel(
  run: (model: GPT) => Promise<void>,
  device: Device = new Float64Device(),
): Promise<void> {
  const { model } = await parityModel(device, parityFolder("mha_full"));
  await run(model);
  model.free();
}

const WANTED: [prompt: number[], options: SequenceOptions][] = [
  [tokens(5, 1), { temperature: 0, maxTokens: 12 }],
  [tokens(30, 2), { temperature: 1, seed: 7, maxTokens: 9 }],
  [tokens(1, 3), { temperature: 0.8, topK: 5, seed: 3, maxTokens: 20 }],
  [tokens(41, 4), { temperature: 0, maxTokens: 3 }],
  [[...tokens(5, 1), 8], { temperature: 1, topP: 0.7, seed: 1, maxTokens: 15 }],
  [tokens(30, 2), { temperature: 1, minP: 0.2, seed: 8, maxTokens: 6 }],
];

for (const { name, device } of [{ name: "float64", device: new Float64Device() }, ...devices]) {
  for (const stepsPerRead of [1, 5]) {
    Deno.test({
      name:
        `${name}: sequences that come and go give what each gives alone, ${stepsPerRead} a read`,
      ignore: device === undefined,
      fn: () =>
        withModel(async (model) => {
          const engine = new Engine(model, plainTokens, {
            rows: 3,
            cacheTokens: 256,
            stepsPerRead,
          });
          const left = WANTED.map(([prompt, options]) => ({ prompt, options }));
          const sequences: Sequence[] = [];
          const join = (count: number) => {
            for (const { prompt, options } of left.splice(0, count)) {
              sequences.push(engine.add(prompt, options));
            }
          };
          join(2);
          const bystander = engine.add(tokens(9, 5), { seed: 2 });
          const given = await finish(engine, (_, count) => {
            if (count === 1) join(1);
            if (count === 2) engine.remove(bystander);
            if (count > 2) join(2);
            assert(engine.use.rows <= 3);
          });
          assertEquals(left, []);
          for (const [i, [prompt, options]] of WANTED.entries()) {
            const steps = given.get(sequences[i])!;
            assertEquals(idsOf(steps), await alone(model, prompt, options), `sequence ${i}`);
            assertEquals(steps.map(({ end }) => end).slice(0, -1).every((end) => !end), true);
            assertEquals(steps.at(-1)!.end, "length");
          }
          engine.free();
        }, device!),
    });
  }
}

Deno.test("what several begin with is read once, and comes out the same", () =>
  withModel(async (model) => {
    const device = model.device as Float64Device, read: number[] = [];
    const engine = new Engine(model, plainTokens, { rows: 4, cacheTokens: 256 });
    const { embedding } = device;
    // Of every token that is read the embedding is taken.
    Object.assign(device, {
      embedding: (args: Parameters<typeof embedding>[0]) => {
        if (args.ids.size > 4) read.push(args.ids.size);
        embedding(args);
      },
    });
    const prompt = tokens(50, 1), options = { temperature: 1, maxTokens: 8 };
    const sequences = [1, 2, 3].map((seed) => engine.add(prompt, { ...options, seed }));
    const other = engine.add([...prompt.slice(0, 40), 3, 1, 4], { ...options, seed: 4 });
    const given = await finish(engine);
    assertEquals(sequences.map(({ sharedTokens }) => sharedTokens), [0, 49, 49]);
    assertEquals(other.sharedTokens, 40);
    assertEquals(read, [49]);
    for (const [i, sequence] of sequences.entries()) {
      const wanted = await alone(model, prompt, { ...options, seed: i + 1 });
      assertEquals(idsOf(given.get(sequence)), wanted);
    }
    // A conversation goes on: what was answered need not be read again.
    const answer = idsOf(given.get(sequences[0]));
    const next = engine.add([...prompt, ...answer, 5, 6], { temperature: 0, maxTokens: 4 });
    const after = await finish(engine);
    assertEquals(next.sharedTokens, prompt.length + answer.length - 1);
    const wanted = await alone(model, next.prompt as number[], { temperature: 0, maxTokens: 4 });
    assertEquals(idsOf(after.get(next)), wanted);
    engine.free();
  }));

Deno.test("sequences wait for pages, and none runs out of them on the way", () =>
  withModel(async (model) => {
    const engine = new Engine(model, plainTokens, { rows: 8, cacheTokens: 128 });
    assertEquals(engine.use, {
      rows: 0,
      maxRows: 8,
      waiting: 0,
      pages: 0,
      maxPages: 2,
      pageTokens: 64,
    });
    const sequences = [1, 2, 3, 4, 5].map((kind) =>
      engine.add(tokens(10, kind), { temperature: 0, maxTokens: 10 + kind })
    );
    const given = await finish(engine, () => assert(engine.use.rows <= 2 && engine.use.pages <= 2));
    assertEquals(sequences.map((sequence) => given.get(sequence)!.length), [11, 12, 13, 14, 15]);
    engine.free();
  }));

Deno.test("one that is removed is given nothing more, even in the midst of a step", () =>
  withModel(async (model) => {
    const engine = new Engine(model, plainTokens, { rows: 3, cacheTokens: 256 });
    const options = { temperature: 0, maxTokens: 10 };
    const [stays, goes, waits] = [1, 2, 3].map((kind) => engine.add(tokens(6, kind), options));
    await engine.step();
    const step = engine.step();
    engine.remove(goes);
    assertEquals((await step).map(({ sequence }) => sequence), [stays, waits]);
    assertEquals([stays, goes, waits].map(({ isRunning }) => isRunning), [true, false, true]);
    engine.remove(goes);
    const given = await finish(engine);
    assertEquals(given.has(goes), false);
    const wanted = await alone(model, tokens(6, 1), options);
    assertEquals(idsOf(given.get(stays)), wanted.slice(2));
    engine.free();
  }));

/** The settings that change logits. */
const CHANGES: EngineOptions[] = [{ stepsPerRead: 1 }, { stepsPerRead: 6 }];

for (const settings of CHANGES) {
  const looks = `${settings.stepsPerRead} a read`;
  Deno.test(`biases and penalties change what is likeliest, ${looks}`, () =>
    withModel(async (model) => {
      const engine = new Engine(model, plainTokens, { ...settings, rows: 4, cacheTokens: 256 });
      const prompt = tokens(6, 1), options = { temperature: 0, maxTokens: 12 };
      const plain = await alone(model, prompt, options);
      const add = (changes: SequenceOptions) => engine.add(prompt, { ...options, ...changes });
      const forced = add({ logitBias: new Map([[33, 100]]) });
      const without = add({ logitBias: new Map(plain.map((token) => [token, -100])) });
      const fresh = add({ presencePenalty: 100 });
      const beside = add({});
      const given = await finish(engine);
      assertEquals(idsOf(given.get(forced)), Array(12).fill(33));
      assert(idsOf(given.get(without)).every((token) => !plain.includes(token)));
      assertEquals(new Set(idsOf(given.get(fresh))).size, 12);
      assertEquals(idsOf(given.get(beside)), plain);
      // Each time it was said counts: of two tokens that are far above all others, each in turn.
      const turns = add({ logitBias: new Map([[3, 200], [4, 201]]), frequencyPenalty: 2 });
      const said = idsOf((await finish(engine)).get(turns));
      assert(said.every((token, i) => i === 0 || token === 3 || token === 4));
      const counts = [3, 4].map((token) => said.filter((id) => id === token).length);
      assert(Math.min(...counts) >= 3, `${counts}`);
      engine.free();
    }));

  Deno.test(`log-probabilities are the model's own, ${looks}`, () =>
    withModel(async (model) => {
      const engine = new Engine(model, plainTokens, { ...settings, rows: 3, cacheTokens: 256 });
      const prompt = tokens(6, 1), maxTokens = 7;
      const told = engine.add(prompt, {
        temperature: 0.3,
        maxTokens,
        topLogprobs: 3,
        logitBias: new Map([[33, 5]]),
      });
      const untold = engine.add(prompt, { maxTokens });
      const own = engine.add(tokens(9, 2), { maxTokens, topLogprobs: 0 });
      const given = await finish(engine);
      assertEquals(
        given.get(untold)!.map((step) => step.logprob),
        Array(maxTokens).fill(undefined),
      );
      for (const sequence of [told, own]) {
        const steps = given.get(sequence)!, all = [...sequence.prompt, ...idsOf(steps)];
        const logits = await uncachedLogits(model, all);
        for (const [i, { token, logprob, topLogprobs }] of steps.entries()) {
          const row = logits[sequence.prompt.length + i - 1];
          const lse = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
          assertAlmostEquals(logprob!, row[token] - lse, 1e-5);
          const best = row.keys().toArray().sort((a, b) => row[b] - row[a] || a - b);
          const wanted = best.slice(0, sequence === told ? 3 : 0);
          assertEquals(topLogprobs!.map(({ token }) => token), wanted);
          topLogprobs!.forEach((top) =>
            assertAlmostEquals(top.logprob, row[top.token] - lse, 1e-5)
          );
        }
      }
      engine.free();
    }));
}

Deno.test("what makes no sense is refused before it takes part", () =>
  withModel(async (model) => {
    const engine = new Engine(model, plainTokens, { rows: 2 });
    assertThrows(() => engine.add([]), RangeError);
    assertThrows(() => engine.add(tokens(engine.capacity, 1)), RangeError);
    assertThrows(() => engine.add([1], { topK: -1 }), UserError, "top-k");
    assertEquals(await engine.step(), []);
    const sequence = engine.add([1], { maxTokens: 2 });
    await assertRejects(() => engine.generateBatch([[1]]), UserError, "generating already");
    assertEquals((await finish(engine)).get(sequence)!.length, 2);
    const generated = engine.generate([[1]], { maxTokens: 3 });
    await generated.next();
    assertThrows(() => engine.add([1]), UserError, "generating already");
    await generated.return(undefined);
    engine.add([1], { maxTokens: 1 });
    await finish(engine);
    engine.free();
  }));
