import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { Conversation } from "../../lib/conversation.ts";
import { UserError } from "../../lib/errors.ts";
import {
  CHATCORE_TASKS,
  type ChatcoreTask,
  evaluateChatcore,
  evaluateTask,
  ownProblems,
  type Score,
} from "../../lib/eval/mod.ts";
import {
  CompactRows,
  EvalTask,
  GSM8K,
  type MultipleChoiceProblem,
  MultipleChoiceTask,
} from "../../lib/tasks/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { ScriptedDevice, tinyModel, tokenizer } from "../engine/scripted_model.ts";

/** The problem's number is its question; every `solvedEvery`th counts as solved. */
function messages(index: number): Conversation["messages"] {
  return [{ role: "user", content: `${index}` }, { role: "assistant", content: "A" }];
}

class Letters extends MultipleChoiceTask {
  constructor(readonly numExamples: number, readonly solvedEvery: number) {
    super();
  }
  override example(index: number): MultipleChoiceProblem {
    return { messages: messages(index), letters: ["A", "B", "C", "D"] };
  }
  override evaluate(problem: MultipleChoiceProblem): boolean {
    return Number(problem.messages[0].content) % this.solvedEvery === 0;
  }
}

class Words extends EvalTask {
  override readonly evalType = "generative";
  readonly completions: string[] = [];
  constructor(readonly numExamples: number, readonly solvedEvery: number) {
    super();
  }
  override example(index: number): Conversation {
    return { messages: messages(index) };
  }
  override evaluate(problem: Conversation, completion: string): Promise<boolean> {
    this.completions.push(completion);
    return Promise.resolve(Number(problem.messages[0].content) % this.solvedEvery === 0);
  }
}

function allTasks(): Map<ChatcoreTask, EvalTask> {
  return new Map(CHATCORE_TASKS.map((name, i) => [
    name,
    i < 3 ? new Letters(20, 2) : new Words(20, i === 3 ? 1 : 5),
  ]));
}

Deno.test("ChatCORE is the mean of what lies beyond guessing", async () => {
  const heard: [string, Score, number][] = [];
  const metrics = await evaluateChatcore({
    model: await tinyModel(),
    tokenizer,
    tasks: allTasks(),
    maxCat: -1,
    maxSample: 5,
    maxNewTokens: 2,
    batchSize: 3,
    onProgress: (...args) => heard.push(args),
  });
  const centred = (0.5 - 0.25) / 0.75;
  assertEquals(Object.keys(metrics!), [
    "chatcore_metric",
    "chatcore_cat",
    ...CHATCORE_TASKS.map((name) => `chatcore/${name}`),
  ]);
  assertEquals(metrics!["chatcore/ARC-Easy"], 0.5);
  assertEquals(metrics!["chatcore/GSM8K"], 1);
  assertEquals(metrics!["chatcore/SpellingBee"], 0.2);
  assertAlmostEquals(metrics!.chatcore_cat, centred, 1e-12);
  assertAlmostEquals(metrics!.chatcore_metric, (3 * centred + 1 + 0.2 + 0.2) / 6, 1e-12);
  assertEquals(heard.filter(([task]) => task === "GSM8K"), [
    ["GSM8K", { passed: 3, total: 3 }, 5],
    ["GSM8K", { passed: 5, total: 5 }, 5],
  ]);
  assertEquals(heard.filter(([task]) => task === "MMLU").at(-1)![1], { passed: 10, total: 20 });
});

Deno.test("without all six tasks there is no ChatCORE", async () => {
  const tasks = allTasks();
  tasks.delete("GSM8K");
  const metrics = await evaluateChatcore({
    model: await tinyModel(),
    tokenizer,
    tasks,
    maxCat: 2,
    maxSample: 1,
    maxNewTokens: 1,
  });
  assertEquals(Object.keys(metrics!).length, 5);
  assertStrictEquals(metrics!.chatcore_metric, undefined);
});

Deno.test("an aborted evaluation ends early, without a result", async () => {
  for (const task of [new Letters(20, 1), new Words(20, 1)]) {
    const controller = new AbortController();
    let total = 0;
    const score = await evaluateTask(await tinyModel(), tokenizer, task, {
      batchSize: 2,
      maxNewTokens: 2,
      signal: controller.signal,
      onProgress: (score) => {
        total = score.total;
        controller.abort();
      },
    });
    assertEquals([score, total], [undefined, 2]);
  }
});

Deno.test("ranks share batches of categorical problems, and generative ones by turns", async () => {
  const tried = async (task: () => EvalTask, worldSize: number) => {
    const counts: number[] = [];
    const scores = await onRanks(worldSize, async (ranks) => {
      const own = task();
      counts[ranks.rank] = ownProblems(own, { ranks, batchSize: 8 }).length;
      return await evaluateTask(await tinyModel(), tokenizer, own, { ranks, maxNewTokens: 1 });
    });
    return { scores, counts };
  };
  // Of 20 problems in batches of 8, rank 0 has the first batch; of those by turns, 0, 3, 6, ….
  const score = { passed: 7, total: 20 };
  for (const [worldSize, batches, turns] of [[3, [8, 8, 4], [7, 7, 6]], [2, [12, 8], [10, 10]]]) {
    const size = worldSize as number, scores = Array(size).fill(score);
    assertEquals(await tried(() => new Letters(20, 3), size), { scores, counts: batches });
    assertEquals(await tried(() => new Words(20, 3), size), { scores, counts: turns });
  }
  // Ranks for which there is no problem take part.
  const few = await tried(() => new Words(2, 1), 3);
  assertEquals(few, { scores: Array(3).fill({ passed: 2, total: 2 }), counts: [1, 1, 0] });
});

Deno.test("what is sampled does not depend on the ranks, nor on the batches", async () => {
  const sampled = async (worldSize: number, batchSize: number) => {
    const tasks = Array.from({ length: worldSize }, () => new Words(7, 100));
    await onRanks(worldSize, async (ranks) => {
      const options = { numSamples: 2, maxNewTokens: 3, temperature: 1, topK: 0, batchSize };
      await evaluateTask(await tinyModel(), tokenizer, tasks[ranks.rank], { ...options, ranks });
    });
    return tasks.flatMap(({ completions }) => completions).sort();
  };
  const alone = await sampled(1, 4);
  assert(new Set(alone).size > 12);
  for (const [worldSize, batchSize] of [[1, 2], [2, 4], [3, 8]]) {
    assertEquals(await sampled(worldSize, batchSize), alone);
  }
});

Deno.test("an evaluation that is aborted or fails on one rank ends on all", async () => {
  class Broken extends Words {
    override evaluate(): Promise<boolean> {
      return Promise.reject(new UserError("it is broken"));
    }
  }
  for (const make of [() => new Letters(40, 1), () => new Words(20, 1)]) {
    const signals: AbortSignal[] = [];
    const scores = await onRanks(2, async (ranks) => {
      const controller = new AbortController();
      signals[ranks.rank] = controller.signal;
      return await evaluateTask(await tinyModel(), tokenizer, make(), {
        batchSize: 2,
        maxNewTokens: 1,
        ranks,
        signal: controller.signal,
        stop: () => controller.abort(),
        onProgress: () => ranks.rank === 1 && controller.abort(),
      });
    });
    assertEquals(scores, [undefined, undefined]);
    assertEquals(signals.map(({ aborted }) => aborted), [true, true]);
  }
  const messages = await onRanks(3, async (ranks) => {
    const task = ranks.rank === 2 ? new Broken(9, 1) : new Words(9, 1);
    const options = { ranks, maxNewTokens: 1 };
    const failing = evaluateTask(await tinyModel(), tokenizer, task, options);
    return (await assertRejects(() => failing, UserError)).message;
  });
  assertEquals(messages, ["rank 2: it is broken", "rank 2: it is broken", "it is broken"]);
});

Deno.test("a problem is solved if one of its samples is right", async () => {
  const task = new Words(3, 2);
  const options = { numSamples: 2, batchSize: 4, maxNewTokens: 3, temperature: 1, topK: 0 };
  const score = await evaluateTask(await tinyModel(), tokenizer, task, options);
  assertEquals(score, { passed: 2, total: 3 });
  // Solved ones are not judged again.
  assertEquals(task.completions.length, 4);
});

Deno.test("a scripted model solves GSM8K with its calculator", async () => {
  const file = new URL("../fixtures/gsm8k_slice.jsonl", import.meta.url);
  const lines = (await Deno.readTextFile(file)).trim().split("\n").slice(0, 4);
  const device = new ScriptedDevice();
  const model = await tinyModel(device, 1024);
  for (const line of lines) {
    const rows = new CompactRows("GSM8K");
    rows.add(JSON.parse(line));
    const task = new GSM8K(rows);
    const problem = task.get(0);
    const { ids, mask } = tokenizer.renderConversation(problem);
    const start = tokenizer.renderForCompletion(problem).length;
    // Results are left to the calculator: the model itself would say token 0.
    const said = ids.slice(start).map((id, i) => mask[start + i] ? id : 0);
    device.say(said);
    assertEquals(await evaluateTask(model, tokenizer, task), { passed: 1, total: 1 });
    const withoutAnswer = tokenizer.encode("####")[0];
    device.say(said.map((id) => id === withoutAnswer ? 0 : id));
    assertEquals(await evaluateTask(model, tokenizer, task), { passed: 0, total: 1 });
  }
});
