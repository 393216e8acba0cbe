/** Engines of which too much is asked, or whose device fails. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Engine, type SequenceOptions } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { Float64Device } from "../device/float64_device.ts";
import { alone, finish, idsOf, plainTokens } from "./plain_sequences.ts";
import { tinyModel } from "./scripted_model.ts";

/** A device whose tensors are counted, and which fails when it is told to. */
class FailingDevice extends Float64Device {
  /** Allocations that are not freed yet. */
  readonly allocated = new Set<unknown>();
  /** The name of the tensor for which there is no memory. */
  scarce = "";
  /** After so many reads, the next one fails. */
  goodReads = Infinity;

  override allocate(...[name, ...rest]: Parameters<Float64Device["allocate"]>) {
    if (name === this.scarce) throw new UserError(`no room for ${name}`);
    const tensor = super.allocate(name, ...rest);
    this.allocated.add(tensor);
    return tensor;
  }

  override free(tensor?: unknown): void {
    if (!this.allocated.delete(tensor)) throw new TypeError("it was freed");
  }

  override stage(...args: Parameters<Float64Device["stage"]>) {
    const staged = super.stage(...args);
    if (this.goodReads-- > 0) return staged;
    this.goodReads = Infinity;
    return { values: () => Promise.reject(new UserError("the read failed")) };
  }
}

for (const stepsPerRead of [1, 4]) {
  Deno.test(`after a step that failed, each goes on where it was, ${stepsPerRead} a read`, async () => {
    const device = new FailingDevice(), model = await tinyModel(device);
    const engine = new Engine(model, plainTokens, { rows: 2, cacheTokens: 256, stepsPerRead });
    const wanted: [prompt: number[], options: SequenceOptions][] = [
      [[5, 6, 7], { temperature: 0, maxTokens: 9 }],
      [[3], { seed: 5, maxTokens: 12 }],
    ];
    const sequences = wanted.map(([prompt, options]) => engine.add(prompt, options));
    const before = await engine.step();
    device.goodReads = 0;
    await assertRejects(() => engine.step(), UserError, "the read failed");
    const after = await finish(engine);
    for (const [i, sequence] of sequences.entries()) {
      const steps = before.filter((step) => step.sequence === sequence);
      const given = idsOf([...steps, ...after.get(sequence)!]);
      assertEquals(given, await alone(model, ...wanted[i]));
    }
    engine.free();
  });
}

Deno.test("an engine gives back all that it took, once", async () => {
  const device = new FailingDevice(), model = await tinyModel(device);
  const before = device.allocated.size;
  const engine = new Engine(model, plainTokens, { rows: 2, cacheTokens: 256 });
  engine.add([1], { topLogprobs: 1, presencePenalty: 1, maxTokens: 3 });
  await finish(engine);
  // Two tell what one did, and the second has no room for it.
  for (const seed of [1, 2]) engine.add([1], { seed, topLogprobs: 1, maxTokens: 3 });
  device.scarce = "logits that are told";
  await assertRejects(() => engine.step(), UserError, "no room");
  device.scarce = "";
  assertEquals((await finish(engine)).size, 2);
  engine.free();
  engine.free();
  assertEquals(device.allocated.size, before);
  for (const scarce of ["choices of rows", "random numbers", "copied page"]) {
    device.scarce = scarce;
    assertThrows(() => new Engine(model, plainTokens), UserError, "no room");
    assertEquals(device.allocated.size, before, scarce);
  }
});

Deno.test("a prompt is what it was when it was added", async () => {
  const model = await tinyModel(), engine = new Engine(model, plainTokens);
  const prompt = [5, 6, 7], options = { temperature: 0, maxTokens: 4 };
  const sequence = engine.add(prompt, options);
  prompt.push(8, 9);
  assertEquals(sequence.prompt, [5, 6, 7]);
  assertEquals(idsOf((await finish(engine)).get(sequence)), await alone(model, [5, 6, 7], options));
});

Deno.test("a step begins when the last one has ended", async () => {
  const engine = new Engine(await tinyModel(), plainTokens);
  engine.add([1], { maxTokens: 3 });
  const step = engine.step();
  await assertRejects(() => engine.step(), UserError, "generating already");
  assertEquals((await step).length, 1);
  await finish(engine);
  const generated = engine.generate([[1]], { maxTokens: 3 });
  await generated.next();
  await assertRejects(() => engine.step(), UserError, "generating already");
  await generated.return(undefined);
  assertEquals(await engine.step(), []);
});

const SENSELESS: [options: SequenceOptions, says: string][] = [
  [{ maxTokens: 1.5 }, "max tokens must be a whole number from 0, but is 1.5"],
  [{ maxTokens: NaN }, "max tokens"],
  [{ topLogprobs: -1 }, "top logprobs"],
  [{ presencePenalty: NaN }, "presence penalty"],
  [{ frequencyPenalty: Infinity }, "frequency penalty"],
  [{ logitBias: new Map([[4096, 1]]) }, "a token of logit bias must be below 4096, but is 4096"],
  [{ logitBias: new Map([[-1, 1]]) }, "a token of logit bias"],
  [{ logitBias: new Map([[7, NaN]]) }, "logit bias of token 7"],
];

Deno.test("what would reach into other sequences, or never end, is refused", async () => {
  const engine = new Engine(await tinyModel(), plainTokens);
  for (const [options, says] of SENSELESS) {
    assertThrows(() => engine.add([1], options), UserError, says);
  }
  for (const prompt of [[4096], [3, -1], [NaN]]) {
    assertThrows(() => engine.add(prompt), RangeError, `token ${prompt.at(-1)} of 4096`);
  }
  const nothing = engine.add([1], { maxTokens: 0 });
  assertEquals([nothing.isRunning, engine.use.waiting], [false, 0]);
});
