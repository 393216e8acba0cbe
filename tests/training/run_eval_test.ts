import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { evalOptions } from "../../cli/options.ts";
import { UserError } from "../../lib/errors.ts";
import { type EvalOptions, runEval } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { MODEL, world } from "./small_world.ts";

async function evaluate(options: Partial<EvalOptions>, aborted = false) {
  const { io, console, controller } = world();
  if (aborted) controller.abort();
  const tasks = { tasks: "gsm8k | MMLU", maxNewTokens: 4 };
  const scores = await runEval(evalOptions({ ...MODEL, ...tasks, ...options }), io);
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

Deno.test("eval --markdown prints a Markdown table", async () => {
  const { lines } = await evaluate({ maxProblems: 5, markdown: true });
  assertEquals(lines.slice(2, 4), ["| task | right | of |", "| --- | ---: | ---: |"]);
  assertMatch(lines[4], /^\| MMLU \| \d+\.00% \| \d\/5 \|$/);
  assertEquals(lines[5], "| GSM8K | 0.00% | 0/5 |");
});

Deno.test("eval with weights in bfloat16 measures both kinds of tasks, as in float32", async () => {
  const rounded = await evaluate({ maxProblems: 12, weights: "bfloat16" });
  assertMatch(rounded.lines[2], /^Weights: bfloat16/);
  const { scores } = await evaluate({ maxProblems: 12 });
  assertEquals(rounded.scores, scores);
});

Deno.test("eval that is stopped reports nothing more", async () => {
  const { scores, lines } = await evaluate({}, true);
  assertEquals([scores.size, lines.length], [0, 1]); // the device; no model is loaded for nothing
});

Deno.test("eval refuses what makes no sense", async () => {
  const cases: [Partial<EvalOptions>, string][] = [
    [{ tasks: "GSM9K" }, '"GSM9K"'],
    [{ step: 8 }, "step 8"],
    [{ source: "sft" }, "chatsft_checkpoints"],
    [{ threads: 100_000 }, "threads must be a whole number from 1 to 255, but is 100000"],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => evaluate(options), UserError, message);
  }
});

Deno.test("eval on ranks prints on rank 0 what one process prints", async () => {
  for (const given of [{ json: true }, { maxProblems: 5 }, { markdown: true }]) {
    const options = evalOptions({ ...MODEL, tasks: "gsm8k | MMLU", maxNewTokens: 2, ...given });
    const alone = world();
    const scores = await runEval(options, alone.io);
    const shared = await onRanks(2, async (ranks) => {
      const { io, console } = world();
      assertEquals(await runEval(options, { ...io, ranks }), scores);
      // What was opened is said before, by whoever opens it.
      return console.lines.filter((line) => !/^(Device|Checkpoint):? /.test(line));
    });
    assertEquals(shared, [alone.console.lines.slice(2), []]);
  }
});

Deno.test("eval that is stopped on one rank, or fails on one, ends on all", async () => {
  const options = evalOptions({ ...MODEL, tasks: "MMLU", batchSize: 1 });
  const stopped = await onRanks(2, async (ranks) => {
    const { io, controller } = world();
    if (ranks.rank === 1) controller.abort();
    return (await runEval(options, { ...io, ranks, stop: () => controller.abort() })).size;
  });
  assertEquals(stopped, [0, 0]);
  const messages = await onRanks(2, async (ranks) => {
    const { io } = world();
    const given = ranks.rank === 1 ? { ...options, step: 8 } : options;
    return (await assertRejects(() => runEval(given, { ...io, ranks }), UserError)).message;
  });
  assertEquals(messages[0], `rank 1: ${messages[1]}`);
});
