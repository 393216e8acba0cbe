/** A base directory with a tiny random model and a few rows of every dataset. */
import { join } from "@std/path";
import { writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { toModelConfigJson } from "../../lib/checkpoint/meta.ts";
import { tensorFromArray } from "../../lib/checkpoint/mod.ts";
import {
  type ModelConfig,
  type ModelParts,
  NEWEST_PARTS,
  parameterSpecs,
} from "../../lib/model/mod.ts";
import { PythonRandom } from "../../lib/random/mod.ts";

const FIXTURES = join(import.meta.dirname!, "../fixtures");

const CONFIG: ModelConfig = {
  sequenceLen: 64,
  vocabSize: 4096,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};

const turn = (user: string, assistant: string) => ({
  messages: [{ role: "user", content: user }, { role: "assistant", content: assistant }],
});

const rows: Record<string, (i: number) => object> = {
  "HuggingFaceTB--smol-smoltalk/default": (i) => turn(`Say ${i}.`, `I say ${i}, as you wish.`),
  "cais--mmlu/all": (i) => ({
    question: `What is ${i} + 1?`,
    subject: "arithmetic",
    choices: [`${i}`, `${i + 1}`, `${i + 2}`, `${i + 3}`],
    answer: 1,
  }),
  "openai--gsm8k/main": (i) => ({
    question: `Ann has ${i} apples and buys 2. How many are there?`,
    answer: `She has <<${i}+2=${i + 2}>>${i + 2} apples.\n#### ${i + 2}`,
  }),
};

async function writeJsonl(path: string, count: number, row: (i: number) => object): Promise<void> {
  const lines = Array.from({ length: count }, (_, i) => JSON.stringify(row(i)) + "\n");
  await Deno.writeTextFile(path, lines.join(""));
}

/**
 * Makes it in a temporary folder, under the tag `d2`.
 *
 * @param broken Name of a parameter that is all NaN.
 * @param parts What the model computes.
 * @param userConfig What its meta file says of its training.
 */
export async function smallBaseDir(
  broken?: string,
  parts: ModelParts = NEWEST_PARTS,
  userConfig: Record<string, unknown> = {},
): Promise<string> {
  const baseDir = await Deno.makeTempDir();
  await Deno.symlink(join(FIXTURES, "tokenizer"), join(baseDir, "tokenizer"));
  for (const [name, row] of Object.entries(rows)) {
    for (const split of [name.startsWith("cais") ? "auxiliary_train" : "train", "test"]) {
      const folder = join(baseDir, "task_data", name, split);
      await Deno.mkdir(folder, { recursive: true });
      await writeJsonl(join(folder, "data.jsonl"), split === "test" ? 12 : 40, row);
    }
  }
  const identity = join(baseDir, "identity_conversations.jsonl");
  await writeJsonl(identity, 10, (i) => turn(`Who are you, ${i}?`, "I am nanochat.").messages);

  const folder = join(baseDir, "base_checkpoints/d2");
  await Deno.mkdir(folder, { recursive: true });
  const random = new PythonRandom(1);
  const specs = parameterSpecs(CONFIG, parts);
  const stateDict = new Map(specs.map(({ name, shape }) => {
    const length = shape.reduce((product, n) => product * n, 1);
    const data = Float32Array.from({ length }, () => 0.3 * (2 * random.random() - 1));
    if (name === broken) data.fill(NaN);
    return [name, tensorFromArray("float32", shape, data)];
  }));
  await writeTorchFile(join(folder, "model_000007.pt"), stateDict);
  await Deno.writeTextFile(
    join(folder, "meta_000007.json"),
    JSON.stringify({
      step: 7,
      model_config: toModelConfigJson(CONFIG, parts),
      user_config: { matrix_lr: 0.01, ...userConfig },
    }),
  );
  return baseDir;
}
