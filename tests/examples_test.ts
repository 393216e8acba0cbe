/** The examples, each run as a project of its own outside the repository. */
import { assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { findCheckpoint } from "../lib/checkpoint/disk/mod.ts";
import { OtherProject } from "./other_project.ts";
import { smallBaseDir } from "./training/small_base_dir.ts";

const here = import.meta.dirname!;
const example = (name: string) => OtherProject.create(join(here, "../examples", name));

Deno.test("the tokenizer example shows tokens and what is trained on", async () => {
  await using project = await example("tokenizer");
  const { stdout, stderr } = await project.run("main.ts");
  assertStringIncludes(stdout, "A vocabulary of 512 tokens\n", stderr);
  assertStringIncludes(stdout, "Decoded: The fox and the grapes 🍇\n");
  assertStringIncludes(
    stdout,
    "⟦<|python_start|>⟧|⟦2⟧|⟦*⟧|⟦3⟧|⟦<|python_end|>⟧|<|output_start|>|6|",
  );
  assertMatch(stdout, /\d+ tokens, of which \d+ are trained on\n$/);
});

Deno.test("the tokenizer example loads a tokenizer that nanochat wrote", async () => {
  await using project = await example("tokenizer");
  const { stdout, stderr } = await project.run("main.ts", join(here, "fixtures/tokenizer"));
  assertStringIncludes(stdout, "A vocabulary of 4096 tokens\n", stderr);
});

Deno.test("the packing example packs every conversation and counts", async () => {
  await using project = await example("packing");
  const { stdout, stderr } = await project.run("main.ts");
  assertMatch(stdout, /^Batch 1: \d+ targets, \d+ places filled up, \d+% read\n<\|bos\|>/, stderr);
  assertMatch(stdout, /^Batch \d+: .*, 100% read$/m);
  assertMatch(stdout, /^\d+ conversations in \d+ rows of 128 tokens$/m);
});

Deno.test("the packing example names the line that is wrong", async () => {
  await using project = await example("packing");
  await project.write(
    "own.jsonl",
    '[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]\n{"messages":"Hi"}\n',
  );
  const { stderr } = await project.run("main.ts", "own.jsonl");
  assertStringIncludes(stderr, "own.jsonl, line 2: ");
});

function lossesIn(stdout: string): number[] {
  return Array.from(stdout.matchAll(/^Step \d+: loss (.*)$/gm), ([, loss]) => Number(loss));
}

Deno.test("the fine-tuning example teaches the shipped model its conversations", async () => {
  await using project = await example("finetune");
  const { stdout, stderr } = await project.run("main.ts");
  const losses = lossesIn(stdout);
  assertEquals(losses.length, 30, stderr);
  assertLess(losses.at(-1)!, losses[0] / 4);
  assertStringIncludes(stdout, "When do you open? The Bluebird Bakery opens at seven");
  const saved = await findCheckpoint(join(project.folder, "demo"), { source: "sft" });
  assertEquals(saved.step, 30);
});

Deno.test("the fine-tuning example takes a model from nanochat's base directory", async () => {
  await using project = await example("finetune");
  const baseDir = await smallBaseDir();
  try {
    const { stdout, stderr } = await project.run("main.ts", baseDir);
    const losses = lossesIn(stdout);
    assertEquals(losses.length, 30, stderr);
    assertLess(losses.at(-1)!, losses[0] / 2);
    assertEquals((await findCheckpoint(baseDir, { source: "sft", tag: "d2" })).step, 30);
  } finally {
    await Deno.remove(baseDir, { recursive: true });
  }
});
