import { gzipSync } from "node:zlib";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { completeFlags } from "../../cli/options.ts";
import { UserError } from "../../lib/errors.ts";
import { inspectCheckpoint, inspectConversation, inspectPacking } from "../../lib/inspect/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
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

Deno.test("inspect says what each of several ranks needs", async () => {
  const inspected = (worldSize: number) =>
    onRanks(worldSize, async (ranks) => {
      const { io, console } = world();
      await inspectCheckpoint({ source: "base", deviceType: "cpu" }, { ...io, ranks });
      return console.lines;
    });
  const [alone] = await inspected(1), [shared] = await inspected(2);
  const row = (lines: string[], start: string) => lines.find((line) => line.startsWith(start));
  assertMatch(row(alone, "Memory")!, /^Memory on this device, /);
  assertMatch(row(shared, "Memory")!, /^Memory of each of 2 ranks on this device, /);
  assertEquals(row(shared, "  gradients"), row(alone, "  gradients"));
  assert(row(shared, "  moments") !== row(alone, "  moments"));
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

/** A mixture file of two conversations with long answers, and their lengths in tokens. */
async function longMixture(): Promise<{ mixture: string; lengths: number[] }> {
  const folder = join(baseDir, "long");
  await Deno.mkdir(folder);
  const conversations = [2100, 3000].map((words) => ({
    messages: [
      { role: "user" as const, content: "Write a list." },
      { role: "assistant" as const, content: "word ".repeat(words) },
    ],
  }));
  const lines = conversations.map((conversation) => JSON.stringify(conversation) + "\n");
  await Deno.writeTextFile(join(folder, "long.jsonl"), lines.join(""));
  const mixture = join(folder, "mixture.json");
  const files = [{ file: "long.jsonl" }];
  await Deno.writeTextFile(mixture, JSON.stringify({ train: files, validation: files }));
  const tokenizer = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer")));
  const lengths = conversations.map((conversation) =>
    tokenizer.renderConversation(conversation, Infinity).ids.length
  );
  return { mixture, lengths };
}

Deno.test("rows of any length keep what fits into them, and the rest is counted", async () => {
  const { mixture, lengths } = await longMixture();
  const longest = Math.max(...lengths), sum = lengths[0] + lengths[1];
  const cutAt = async (maxSeqLen: number) => {
    const { io, console } = world();
    await inspectPacking(completeFlags("inspect", { mixture, maxSeqLen }), io);
    return console.lines.find((line) => line.startsWith("Cut to a row"));
  };
  const lost = (sum - 2 * 2049).toLocaleString("en-US");
  assertEquals(await cutAt(2048), `Cut to a row    2, which lost ${lost} tokens`);
  assertEquals(await cutAt(longest - 1), "Cut to a row    0, which lost 0 tokens");
  assertEquals(await cutAt(longest - 2), "Cut to a row    1, which lost 1 tokens");

  const { io, console } = world();
  await inspectConversation(`${join(mixture, "../long.jsonl")}:2`, io);
  assertMatch(console.lines.at(-1)!, new RegExp(`^${longest} tokens, `));
});

Deno.test("inspect shows control characters of data without the terminal obeying them", async () => {
  await inTempDir(async (dir) => {
    const file = join(dir, "evil.jsonl");
    const user = { role: "user", content: "hi \x1b[2J\x1b[31m\x07\x1b]0;owned\x07 x" };
    const conversation = [user, { role: "assistant", content: "ok" }];
    await Deno.writeTextFile(file, JSON.stringify(conversation));
    const console = new MemoryTerminal({ colors: true });
    await inspectConversation(file, { ...world().io, terminal: console.terminal });
    // deno-lint-ignore no-control-regex
    const withoutColors = console.stdout.replace(/\x1b\[(91|92|0)m/g, "");
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x08\x0b-\x1f]/.test(withoutColors), false);
    assertStringIncludes(console.stdout, "\\u0007");
  });
});

Deno.test("inspect shows the conversations of all members of a gzip file", async () => {
  await inTempDir(async (dir) => {
    const file = join(dir, "two.jsonl.gz");
    const line = (answer: string) =>
      gzipSync(JSON.stringify([
        { role: "user", content: "a" },
        { role: "assistant", content: answer },
      ]));
    await Deno.writeFile(file, new Uint8Array([...line("X"), ...gzipSync("\n"), ...line("Y")]));
    const { io, console } = world();
    await inspectConversation(`${file}:2`, io);
    assertStringIncludes(console.stdout, "⟦Y⟧");
  });
});

Deno.test("inspect packs a mixture", async () => {
  const { io, console } = world();
  const flags = { simpleSpellingSize: 0, spellingBeeSize: 0, maxSeqLen: 128 };
  await inspectPacking(completeFlags("inspect", flags), io);
  // 40 conversations, 2 × 10 about identity, MMLU 3 × 40, GSM8K 4 × 40.
  assertStringIncludes(console.lines[0], "340 conversations");
  assertMatch(console.stdout, /\nRows +[\d,]+ of 128 tokens, [\d,]+ tokens\n/);
  assertStringIncludes(console.stdout, "\nLeft out        0, without trained text in a row\n");
  assertMatch(console.stdout, /\nPadding +\d+\.\d\d%\nTrained on +\d+\.\d\d%\n$/);
});

Deno.test("inspect says what own conversations in a mixture were taken for", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "own.jsonl");
    await Deno.writeTextFile(path, '{"prompt": "Hi", "completion": "Hello."}\n');
    const { io, console } = world();
    const flags = { data: [path], dataOnly: true, maxSeqLen: 64 };
    await inspectPacking(completeFlags("inspect", flags), io);
    assertEquals(console.lines.slice(0, 2), [
      `${path}: 1 conversation in JSON lines, as prompt and completion`,
      `${path}: 1 conversation to train on, none to measure on (a share of 0.05; seed 42)`,
    ]);
    assertMatch(console.lines[2], /^Training mixture: 1 conversation /);
    assertMatch(console.lines[3], /^Rows /);
  }));
