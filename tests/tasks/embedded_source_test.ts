import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import {
  ARC,
  EmbeddedSource,
  HumanEval,
  MMLU,
  type Task,
  trainMixture,
  valMixture,
} from "../../lib/tasks/mod.ts";

const source = new EmbeddedSource();
const samples = new URL("../../data/samples/", import.meta.url);

/** Reads every conversation of a task. */
function readAll(task: Task): number {
  for (let i = 0; i < task.length; i++) task.get(i);
  return task.length;
}

Deno.test("the samples make nanochat's mixtures and evaluation tasks", async () => {
  const sizes = { simpleSpellingSize: 50, spellingBeeSize: 50, mmluEpochs: 1, gsm8kEpochs: 1 };
  assertEquals(readAll(await trainMixture(source, sizes)), 1500 + 2 * 904 + 1500 + 600 + 100);
  assertEquals(readAll(await valMixture(source)), 200 + 300 + 100);
  for (const subset of ["ARC-Easy", "ARC-Challenge"] as const) {
    assertEquals(readAll(await ARC.load(source, { subset, split: "test" })), 200);
  }
  const runPython = () => Promise.resolve({ success: true });
  assertEquals(readAll(await HumanEval.load(source, { runPython })), 164);
});

Deno.test("what did not ship is named", async () => {
  await assertRejects(() => MMLU.load(source, { split: "dev" }), UserError, "cais--mmlu/all/dev");
  await assertRejects(() => source.open("other.txt"), UserError, "other.txt");
});

Deno.test("every sample's source is stated, and together they are small", async () => {
  const readme = await Deno.readTextFile(new URL("../README.md", samples));
  let total = 0;
  for await (const path of files(samples)) {
    total += (await Deno.stat(path)).size;
    const [folder] = path.href.slice(samples.href.length).split("/");
    assertStringIncludes(readme, folder.replace(/(\.jsonl)?\.gz$/, ""));
  }
  assert(total > 0 && total < 3e6, `${total} bytes`);
});

async function* files(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* files(new URL(`${name}/`, folder));
    else yield new URL(name, folder);
  }
}
