import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import { Engine, type EngineOptions, type GenerateOptions } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { devices } from "../device/devices.ts";
import { Float64Device } from "../device/float64_device.ts";
import { parityModel } from "../model/parity.ts";
import { PARITY_MODELS, parityFolder } from "../model/parity_folders.ts";
import { tinyModel, tokenizer } from "./scripted_model.ts";
import { greedyTokens } from "./uncached.ts";

const SPECIALS = [
  "<|bos|>",
  "<|assistant_end|>",
  "<|python_start|>",
  "<|python_end|>",
  "<|output_start|>",
  "<|output_end|>",
];

/** A tokenizer whose special tokens are the given ids, elsewhere ids that no model has. */
function fakeTokenizer(special: Partial<Record<string, number>> = {}, expression = "") {
  const encodeSpecial = (name: string) => special[name] ?? 1000 + SPECIALS.indexOf(name);
  return {
    bosId: encodeSpecial("<|bos|>"),
    encodeSpecial,
    encode: (text: string) => Array.from(text, (letter) => letter.charCodeAt(0)),
    decode: () => expression,
  };
}

/** New tokens of each row, forced ones marked. */
async function generate(
  engine: Engine,
  prompts: number[][],
  options: GenerateOptions,
): Promise<{ tokens: number[]; forced: boolean[] }[]> {
  const rows = prompts.map(() => ({ tokens: [] as number[], forced: [] as boolean[] }));
  for await (const steps of engine.generate(prompts, options)) {
    steps.forEach((step, row) => {
      if (!step) return;
      rows[row].tokens.push(step.token);
      rows[row].forced.push(step.forced);
    });
  }
  return rows;
}

/** `count` tokens below `vocabSize`, the same each time. */
function somePrompt(count: number, vocabSize: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * i * 31 + i * 7 + count) % vocabSize);
}

const allDevices: { name: string; device: Device | undefined }[] = [
  { name: "float64", device: new Float64Device() },
  ...devices,
];

for (const { name, device } of allDevices) {
  for (const modelName of PARITY_MODELS) {
    const test = (what: string, run: (device: Device) => Promise<void>) =>
      Deno.test({
        name: `${what}: ${modelName} on ${name}`,
        ignore: device === undefined,
        fn: () => run(device!),
      });

    test("greedy decoding with the cache equals decoding without it", async (device) => {
      const { model } = await parityModel(device, parityFolder(modelName));
      const { vocabSize, sequenceLen } = model.config;
      // The longest goes on past the sliding window of 128.
      const lengths = [1, 5, Math.floor(sequenceLen * 0.4)];
      const prompts = lengths.map((length) => somePrompt(length, vocabSize));
      const engine = new Engine(model, fakeTokenizer());
      const options = { temperature: 0, maxTokens: Math.floor(sequenceLen * 0.3) };
      const rows = await generate(engine, prompts, options);
      const sequences = rows.map(({ tokens }, r) => [...prompts[r], ...tokens.slice(0, -1)]);
      const expected = await greedyTokens(model, sequences);
      rows.forEach(({ tokens }, r) => {
        assertEquals(tokens, expected[r].slice(prompts[r].length - 1));
      });
      engine.free();
      model.free();
    });

    test("tools answer in between, however often the host looks", async (device) => {
      const { model } = await parityModel(device, parityFolder(modelName));
      const prompts = [3, 20].map((length) => somePrompt(length, model.config.vocabSize));
      const options = { temperature: 0, maxTokens: 24 };
      const plainEngine = new Engine(model, fakeTokenizer());
      const [plain, other] = await generate(plainEngine, prompts, options);
      plainEngine.free();
      // Two tokens that the first row says become the beginning and the end of an expression.
      const start = plain.tokens.findIndex((token, i) => {
        return i > 1 && !other.tokens.includes(token) && plain.tokens.indexOf(token) === i;
      });
      const end = plain.tokens.findIndex((token, i) => i > start && token !== plain.tokens[start]);
      assert(start > 0 && end > start);
      const special = {
        "<|python_start|>": plain.tokens[start],
        "<|python_end|>": plain.tokens[end],
        "<|output_start|>": 7,
        "<|output_end|>": 9,
      };
      const tokenizer = fakeTokenizer(special, "17*6");
      const run = async (settings: EngineOptions) => {
        const engine = new Engine(model, tokenizer, settings);
        const rows = await generate(engine, prompts, options);
        engine.free();
        return rows;
      };
      const rows = await run({ stepsPerRead: 1 });
      const answer = [7, ...tokenizer.encode("102"), 9];
      assertEquals(rows[0].tokens.slice(end + 1, end + 1 + answer.length), answer);
      assertEquals(rows[0].forced.slice(end, end + answer.length + 2), [
        false,
        ...answer.map(() => true),
        false,
      ]);
      assertEquals(await run({ stepsPerRead: 8 }), rows);
      assertEquals(await run({ stepsPerRead: 5 }), rows);

      // What is not forced is what the model says after all before it.
      const sequences = rows.map(({ tokens }, r) => [...prompts[r], ...tokens.slice(0, -1)]);
      const expected = await greedyTokens(model, sequences);
      rows.forEach(({ tokens, forced }, r) => {
        const said = expected[r].slice(prompts[r].length - 1);
        assertEquals(tokens, said.map((token, i) => forced[i] ? tokens[i] : token));
      });
      model.free();
    });
  }
}

async function withEngine(
  run: (engine: Engine, prompt: number[]) => Promise<void>,
  special: Record<string, number> = {},
): Promise<void> {
  const { model } = await parityModel(new Float64Device(), parityFolder("mha_full"));
  await run(new Engine(model, fakeTokenizer(special)), somePrompt(5, model.config.vocabSize));
}

const tokensOf = (rows: { tokens: number[] }[]) => rows.map((row) => row.tokens);

Deno.test("a seed gives the same samples again, another one others", () =>
  withEngine(async (engine, prompt) => {
    const sample = async (seed: number) =>
      tokensOf(await generate(engine, [prompt, prompt], { seed, maxTokens: 10 }));
    const [first, second] = await sample(1);
    assertNotEquals(first, second);
    assertEquals(await sample(1), [first, second]);
    assertEquals((await sample(2))[0], second);
  }));

Deno.test("top-k of 1, a tiny top-p and a min-p of 1 leave the likeliest token alone", () =>
  withEngine(async (engine, prompt) => {
    const sample = async (options: GenerateOptions) =>
      tokensOf(await generate(engine, [prompt], { maxTokens: 10, ...options }));
    const greedy = await sample({ temperature: 0 });
    assertNotEquals(await sample({}), greedy);
    assertEquals(await sample({ topK: 1 }), greedy);
    assertEquals(await sample({ topP: 1e-6 }), greedy);
    assertEquals(await sample({ minP: 1 }), greedy);
  }));

Deno.test("top-k, top-p and min-p leave only what they should", () =>
  withEngine(async (engine, prompt) => {
    const firsts = async (options: GenerateOptions) => {
      const rows = await generate(engine, Array(200).fill(prompt), { maxTokens: 1, ...options });
      return new Set(tokensOf(rows).flat());
    };
    const everything = await firsts({});
    for (const options of [{ topK: 3 }, { topP: 0.05 }, { minP: 0.7 }]) {
      const kept = await firsts(options);
      assert(kept.size > 1 && kept.size < everything.size / 2, `${JSON.stringify(options)}`);
    }
    assertEquals((await firsts({ topK: 3 })).size, 3);
  }));

Deno.test("a row ends with its turn, and the others go on", () =>
  withEngine(async (engine, prompt) => {
    const options = { temperature: 0, maxTokens: 12 };
    const [[, , end]] = tokensOf(await generate(engine, [prompt], options));
    await withEngine(async (engine, prompt) => {
      const rows = await generate(engine, [prompt, [3]], options);
      assertEquals(rows[0].tokens.indexOf(end), rows[0].tokens.length - 1);
      assertEquals(rows[1].tokens.length, 12);
      const [whole] = await engine.generateBatch([prompt], options);
      assertEquals(whole, rows[0].tokens.slice(0, -1));
    }, { "<|assistant_end|>": end });
  }));

Deno.test("nothing is given after the last row has ended, however far was looked ahead", () =>
  withEngine(async (engine, prompt) => {
    const options = { temperature: 0, maxTokens: 12 };
    const [[, , end]] = tokensOf(await generate(engine, [prompt], options));
    await withEngine(async ({ model, tokenizer }, prompt) => {
      const ahead = new Engine(model, tokenizer, { stepsPerRead: 8 });
      const given = await Array.fromAsync(ahead.generate([prompt], options));
      assertEquals(given.at(-1)?.[0]?.token, end);
      ahead.free();
    }, { "<|assistant_end|>": end });
  }));

Deno.test("a prompt that goes on from the one before is read to the same effect", () =>
  withEngine(async (engine, prompt) => {
    const options = { temperature: 0, maxTokens: 6 };
    const longer = [...prompt, 1, 2, 3];
    const fresh = tokensOf(await generate(engine, [longer], options));
    await generate(engine, [prompt], options);
    assertEquals(tokensOf(await generate(engine, [longer], options)), fresh);
  }));

Deno.test("what the context has no room for is refused or left out", () =>
  withEngine(async (engine, prompt) => {
    const rows = await generate(engine, [prompt], { temperature: 0 });
    assertEquals(rows[0].tokens.length, engine.capacity - prompt.length);
    const tooLong = Array<number>(engine.capacity).fill(1);
    await assertRejects(() => generate(engine, [tooLong], {}), RangeError, "64");
    await assertRejects(() => generate(engine, [[]], {}), RangeError);
    await assertRejects(() => generate(engine, [prompt], { topK: -1 }), UserError, "top-k");
    await assertRejects(() => generate(engine, [prompt], { temperature: NaN }), UserError);
  }));

Deno.test("an engine that generates refuses to generate something else until that has ended", async () => {
  const model = await tinyModel();
  const engine = new Engine(model, tokenizer);
  const options = { temperature: 0, maxTokens: 6 };
  const [a, b] = ["Hello, who are", "To be or not"].map((text) => tokenizer.encode(text));
  const alone = await engine.generateBatch([a], options);

  const first = engine.generate([a], options);
  const tokens = [(await first.next()).value?.[0]?.token];
  const refused = () => assertRejects(() => engine.generateBatch([b], options), UserError);
  assertStringIncludes((await refused()).message, "is generating already");
  await refused(); // it was not freed by the refusal
  for await (const [step] of first) tokens.push(step?.token);
  assertEquals(tokens, alone[0], "the first goes on as if nothing had been asked");
  const second = await engine.generateBatch([b], options);

  // Leaving it early frees it too, in each way there is.
  for await (const _ of engine.generate([a], options)) break;
  assertEquals(await engine.generateBatch([b], options), second);
  const returned = engine.generate([a], options);
  await returned.next();
  await returned.return(undefined);
  assertEquals(await engine.generateBatch([b], options), second);
  const thrown = engine.generate([a], options);
  await thrown.next();
  await assertRejects(() => thrown.throw(new Error("left")), Error, "left");
  assertEquals(await engine.generateBatch([b], options), second);
  await assertRejects(() => engine.generateBatch([[]], options), RangeError);
  await assertRejects(() => engine.generateBatch([a], { temperature: -1 }), UserError);
  assertEquals(await engine.generateBatch([b], options), second);
  // One that has not begun holds nothing.
  engine.generate([a], options);
  assertEquals(await engine.generateBatch([b], options), second);
  engine.free();
});
