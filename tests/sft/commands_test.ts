/** The commands that look at a model and use it, on a tiny one. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { CHAT_DEFAULTS, runChat, type RunChatOptions } from "../../lib/chat/mod.ts";
import { EVAL_DEFAULTS, type EvalOptions, runEval, type RunIo } from "../../lib/training/mod.ts";
import { inspectCheckpoint, inspectConversation, inspectPacking } from "../../lib/inspect/mod.ts";
import { sftOptions } from "../../lib/sft/mod.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "./small_base_dir.ts";

const baseDir = await smallBaseDir();
addEventListener("unload", () => Deno.removeSync(baseDir, { recursive: true }));

function world(): { io: RunIo; console: MemoryTerminal; controller: AbortController } {
  const console = new MemoryTerminal();
  const controller = new AbortController();
  const { terminal } = console;
  const io = { terminal, baseDir, signal: controller.signal, env: () => undefined, now: () => 0 };
  return { io, console, controller };
}

const MODEL = { source: "base", deviceType: "cpu", threads: 1 } as const;

async function evaluate(options: Partial<EvalOptions>, aborted = false) {
  const { io, console, controller } = world();
  if (aborted) controller.abort();
  const tasks = { tasks: "gsm8k | MMLU", maxNewTokens: 4 };
  const scores = await runEval({ ...EVAL_DEFAULTS, ...MODEL, ...tasks, ...options }, io);
  return { scores, lines: console.lines };
}

Deno.test("eval prints a line per task", async () => {
  const { scores, lines } = await evaluate({ maxProblems: 5 });
  assertEquals([...scores.keys()], ["MMLU", "GSM8K"]);
  assertEquals(scores.get("GSM8K"), { passed: 0, total: 5 });
  assertMatch(lines[0], /^Device: cpu/);
  assertMatch(lines[1], /^Checkpoint: .*model_000007\.pt$/);
  assertMatch(lines[2], /^MMLU +\d+\.00% +\d\/5$/);
  assertMatch(lines[3], /^GSM8K +0\.00% +0\/5$/);
  assertEquals(lines.length, 4);
});

Deno.test("eval --json prints one object", async () => {
  const { lines } = await evaluate({ json: true, tasks: "GSM8K" });
  assertEquals(JSON.parse(lines.at(-1)!), {
    source: "base",
    tag: "d2",
    step: 7,
    "chatcore/GSM8K": 0,
    scores: { GSM8K: { passed: 0, total: 12 } },
  });
});

Deno.test("eval that is stopped reports nothing more", async () => {
  const { scores, lines } = await evaluate({}, true);
  assertEquals([scores.size, lines.length], [0, 2]);
});

Deno.test("eval refuses what makes no sense", async () => {
  const cases: [Partial<EvalOptions>, string][] = [
    [{ tasks: "GSM9K" }, '"GSM9K"'],
    [{ maxProblems: 0 }, "--max-problems"],
    [{ temperature: -1 }, "--temperature"],
    [{ source: "rl" as "sft" }, "--source"],
    [{ deviceType: "tpu" as "cpu" }, "--device-type"],
    [{ step: 8 }, "step 8"],
    [{ source: "sft" }, "chatsft_checkpoints"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => evaluate(options), UserError, message);
  }
});

/** What a conversation of the given lines shows; every second answer is stopped at once. */
async function talk(lines: string[], options: Partial<RunChatOptions> = {}): Promise<string> {
  const { io, console } = world();
  let answers = 0;
  await runChat({ ...CHAT_DEFAULTS, ...MODEL, maxNewTokens: 5, ...options }, {
    ...io,
    write: (text) => console.stdout += text,
    readLine: () => Promise.resolve(lines.shift()),
    interruptible: (answer) => {
      const controller = new AbortController();
      if (answers++ % 2 === 1) controller.abort();
      return answer(controller.signal);
    },
  });
  return console.stdout + console.stderr;
}

Deno.test("chat answers line by line, and can be stopped", async () => {
  const shown = await talk(["Hi", "", "And now?", "/clear", "Hi"]);
  const [help, first, second, third, end] = shown.split("\n").slice(-5);
  assertStringIncludes(help, "Ctrl-D leaves");
  assertMatch(first, /^.+ \(cut off here; .*\)$/);
  assertMatch(second, /^.* \(stopped\)$/);
  assertEquals([third, end], [first, ""]);
});

Deno.test("chat says what it forgets, and goes on after a question that is too long", async () => {
  const shown = await talk([..."abcdefgh", "x".repeat(500), "y"]);
  assertMatch(shown, /\(the context is full: the oldest (turn was|\d turns were) forgotten\)/);
  assertMatch(shown, /error: the message is \d+ tokens long, but the model's context holds 64/);
});

Deno.test("chat answers a single question", async () => {
  const shown = await talk([], { prompt: "Hi", maxNewTokens: 3, temperature: 0 });
  assertEquals(shown.split("\n").length, 4);
  await assertRejects(() => talk([], { topP: 0 }), UserError, "--top-p");
});

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
  await inspectPacking(sftOptions(flags), io);
  // 40 conversations, 2 × 10 about identity, MMLU 3 × 40, GSM8K 4 × 40.
  assertStringIncludes(console.lines[0], "340 conversations");
  assertMatch(console.stdout, /\nRows +[\d,]+ of 128 tokens, [\d,]+ tokens\n/);
  assertMatch(console.stdout, /\nPadding +\d+\.\d\d%\nTrained on +\d+\.\d\d%\n$/);
});
