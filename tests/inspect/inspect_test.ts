import { assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { completeFlags } from "../../cli/options.ts";
import { UserError } from "../../lib/errors.ts";
import { inspectCheckpoint, inspectConversation, inspectPacking } from "../../lib/inspect/mod.ts";
import { baseDir, world } from "../training/small_world.ts";

Deno.test("inspect shows a checkpoint", async () => {
  const { io, console } = world();
  await inspectCheckpoint({ source: "base" }, io);
  assertStringIncludes(console.stdout, "Optimizer    not saved\n");
  assertStringIncludes(console.stdout, "n_embd=32");
  assertStringIncludes(console.stdout, "Trained with matrix_lr=0.01\n");
  assertMatch(console.stdout, /\n {2}total +350,250\n/);
  assertMatch(console.stdout, /\n {2}transformer\.wte\.weight +\(4096, 32\) +float32\n/);
});

Deno.test("inspect shows a conversation's tokens", async () => {
  const file = join(baseDir, "identity_conversations.jsonl");
  const { io, console } = world();
  await inspectConversation(`${file}:2`, io);
  const [tokens, count] = console.lines;
  assertMatch(tokens, /^<\|bos\|>\|<\|user_start\|>\|.*\|⟦<\|assistant_end\|>⟧$/);
  assertMatch(count, /^\d+ tokens, of which \d+ are trained on$/);
  await assertRejects(() => inspectConversation(`${file}:11`, io), UserError, "it has 10");
  await assertRejects(() => inspectConversation("missing.jsonl", io), UserError, "missing.jsonl");
});

Deno.test("inspect packs a mixture", async () => {
  const { io, console } = world();
  const flags = { simpleSpellingSize: 0, spellingBeeSize: 0, maxSeqLen: 128 };
  await inspectPacking(completeFlags("inspect", flags), io);
  // 40 conversations, 2 × 10 about identity, MMLU 3 × 40, GSM8K 4 × 40.
  assertStringIncludes(console.lines[0], "340 conversations");
  assertMatch(console.stdout, /\nRows +[\d,]+ of 128 tokens, [\d,]+ tokens\n/);
  assertMatch(console.stdout, /\nPadding +\d+\.\d\d%\nTrained on +\d+\.\d\d%\n$/);
});
