import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { type Device, openDevice } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { chooseLetters, loadChatcoreTasks } from "../../lib/eval/mod.ts";
import { openModel } from "../../lib/training/mod.ts";
import { LocalSource, type MultipleChoiceProblem } from "../../lib/tasks/mod.ts";
import { greedyTokens } from "../engine/uncached.ts";
import { tinyModel, tokenizer } from "../engine/scripted_model.ts";
import { GPT, type WeightType } from "../../lib/model/mod.ts";
import { devices } from "../device/devices.ts";
import { Float64Device } from "../device/float64_device.ts";

function problem(question: string, letters: string[]): MultipleChoiceProblem {
  const messages = [
    { role: "user" as const, content: question },
    { role: "assistant" as const, content: letters[0] },
  ];
  return { messages, letters };
}

const problems = [
  problem("Which?", ["A", "B", "C", "D"]),
  problem("A much longer question about nothing at all, which goes on. ".repeat(3), ["C", "D"]),
  problem("1 or 2?", ["1", "2", "3"]),
  problem("Which of these letters comes first in the alphabet?", ["E", "D", "C", "B", "A"]),
  problem("And now?", ["B"]),
];

async function choose(list: MultipleChoiceProblem[], batchSize: number) {
  const choices = [];
  for await (const batch of chooseLetters(await tinyModel(), tokenizer, list, batchSize)) {
    choices.push(...batch);
  }
  return choices.sort((a, b) => a.problem - b.problem);
}

Deno.test("letters have the logits they have among all tokens, and the best is chosen", async () => {
  // A model that knows no other tokens than a problem's letters says the chosen one.
  const choices = await choose(problems, 1);
  for (const { problem, letter, logits } of choices) {
    const model = await tinyModel();
    const head = model.value("lm_head.weight");
    const weights = await model.device.read(head) as Float32Array;
    const C = model.config.nEmbd;
    const kept = new Float32Array(weights.length);
    for (const letter of problems[problem].letters) {
      const [id] = tokenizer.encode(letter);
      kept.set(weights.subarray(id * C, (id + 1) * C), id * C);
    }
    model.device.write(head, kept);
    const prompt = tokenizer.renderForCompletion(problems[problem]);
    const [said] = await greedyTokens(model, [prompt]);
    const best = Math.max(...logits);
    assertEquals(problems[problem].letters[logits.indexOf(best)], letter);
    if (best > 0) assertEquals(tokenizer.decode([said.at(-1)!]), letter);
  }
  assert(choices.filter(({ logits }) => Math.max(...logits) > 0).length >= 3);
});

Deno.test("neither batches nor the order of problems change what is chosen", async () => {
  const alone = await choose(problems, 1);
  assertEquals(alone.map(({ problem }) => problem), [0, 1, 2, 3, 4]);
  for (const batchSize of [2, 3, 8]) assertEquals(await choose(problems, batchSize), alone);
  const reversed = await choose(problems.toReversed(), 2);
  assertEquals(
    reversed.map(({ letter, logits }) => ({ letter, logits })).reverse(),
    alone.map(({ letter, logits }) => ({ letter, logits })),
  );
});

Deno.test("a letter must be a single token", async () => {
  await assertRejects(() => choose([problem("?", ["ABXY"])], 1), UserError, '"ABXY"');
  assertEquals(await choose([], 8), []);
});

/** The logits of letters by a small model whose weights are the same in 16 bits. */
async function logitsOn(device: Device, weights?: WeightType) {
  const shape = { nLayer: 1, nHead: 2, nKvHead: 1, nEmbd: 32, windowPattern: "L" };
  const { vocabSize } = tokenizer;
  const model = new GPT(device, { sequenceLen: 128, vocabSize, ...shape }, { weights });
  await model.load((_name, start, count) =>
    Promise.resolve(Float32Array.from({ length: count }, (_, i) => {
      return (Math.imul(start + i + 1, 0x9e3779b1) >> 24) / 128;
    }))
  );
  const choices = await Array.fromAsync(chooseLetters(model, tokenizer, problems.slice(0, 1), 1));
  model.free();
  return choices.flat()[0].logits;
}

for (const { name, device } of devices) {
  for (const weights of ["bfloat16", "float16"] as const) {
    // The CPU device has no float16.
    if (device?.kind === "cpu" && weights === "float16") continue;
    Deno.test({
      name: `${name}: letters have their logits by weights in ${weights}`,
      ignore: !device,
      fn: async () => {
        const logits = await logitsOn(device!, weights);
        const exact = await logitsOn(new Float64Device());
        logits.forEach((logit, i) => assertAlmostEquals(logit, exact[i], 1e-3));
      },
    });
  }
}

const reference = fromFileUrl(new URL("../../../shared/reference/", import.meta.url));
const hasReference = await Deno.stat(reference).then(() => true, () => false);

Deno.test({
  name: "the d4 chooses the letters that nanochat's does",
  ignore: !hasReference,
  fn: async (t) => {
    interface Expected {
      accuracy: number;
      problems: { index: number; letters: string[]; logits: number[]; predicted: string }[];
    }
    const expected: Record<string, Expected> = JSON.parse(
      await Deno.readTextFile(`${reference}chatcore.json`),
    );
    const baseDir = `${reference}base_dir`;
    const { device } = await openDevice({ deviceType: "cpu" });
    const { model, tokenizer } = await openModel(device, baseDir, { source: "base" });
    const names = ["ARC-Easy", "ARC-Challenge", "MMLU"] as const;
    const noPython = () => Promise.resolve({ success: false });
    const tasks = await loadChatcoreTasks(new LocalSource(baseDir), noPython, names);
    for (const name of names) {
      await t.step(name, async () => {
        const task = tasks.get(name)!;
        const { accuracy, problems } = expected[name];
        const asked = problems.map(({ index }) => task.get(index) as MultipleChoiceProblem);
        let apart = 0, right = 0;
        for await (const choices of chooseLetters(model, tokenizer, asked, 8)) {
          for (const { problem, letter, logits } of choices) {
            const wanted = problems[problem];
            assertEquals(asked[problem].letters, wanted.letters);
            logits.forEach((logit, i) => {
              assertAlmostEquals(15 * Math.tanh(logit / 15), wanted.logits[i], 2e-3);
            });
            if (letter !== wanted.predicted) apart++;
            if (task.evaluate(asked[problem], letter)) right++;
          }
        }
        assert(apart <= problems.length / 200, `${apart} letters are others`);
        assert(Math.abs(right - accuracy * problems.length) <= apart + 1e-9);
      });
    }
    await device.close();
  },
});
