import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { SequenceStep } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { ApiError } from "../../lib/serve/api_error.ts";
import { EngineDesk } from "../../lib/serve/desk.ts";
import { DeskCounts } from "../../lib/serve/desk_counts.ts";
import { BusyError, type WantedAnswer } from "../../lib/serve/service.ts";
import { ScriptedEngine } from "./scripted_engine.ts";

const never = new AbortController().signal;

function deskOf({ rows = 2, queue = 2 } = {}) {
  const engine = new ScriptedEngine(rows), errors: unknown[] = [];
  let time = 0;
  const desk = new EngineDesk(engine, {
    queue,
    now: () => time += 10,
    onError: (error) => errors.push(error),
  });
  const pass = (milliseconds: number) => void (time += milliseconds);
  return { engine, desk, errors, pass };
}

function wanted(...tokens: number[]): WantedAnswer {
  return { prompt: tokens, options: {} };
}

async function read(answer: AsyncIterable<SequenceStep>): Promise<number[]> {
  const tokens: number[] = [];
  for await (const { token } of answer) tokens.push(token);
  return tokens;
}

/** Lets an engine go on a step at a time. */
function gated(engine: ScriptedEngine): () => void {
  let open = Promise.withResolvers<void>();
  engine.gate = () => open.promise;
  return () => {
    open.resolve();
    open = Promise.withResolvers();
  };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    assert(tries < 500, "it never came");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

Deno.test("answers side by side and those that wait each get their own tokens", async () => {
  const { desk } = deskOf();
  const prompts = [[1, 2, 3], [4], [5, 6], [7, 8]];
  const answers = prompts.map((prompt) => desk.order([wanted(...prompt)], never)[0]);
  assertEquals(await Promise.all(answers.map(read)), prompts);
  assertEquals(desk.use.rows + desk.use.waiting, 0);
  const { ordered, ended, tokens, promptTokens, left } = desk.counts;
  assertEquals([ordered, ended, tokens, promptTokens, left], [4, 4, 8, 8, 0]);
});

Deno.test("tokens that nobody reads yet wait, and do not stop the others", async () => {
  const { desk } = deskOf();
  const [slow, quick] = desk.order([wanted(1, 2, 3), wanted(4, 5)], never);
  assertEquals(await read(quick), [4, 5]);
  await until(() => desk.counts.ended === 2);
  assertEquals(await read(slow), [1, 2, 3]);
});

Deno.test("more than may wait are refused, all of an order or none", () => {
  const { desk, engine } = deskOf();
  gated(engine);
  desk.order([wanted(1), wanted(2), wanted(3)], never);
  assertThrows(() => desk.order([wanted(4), wanted(5)], never), BusyError);
  assertEquals(desk.use.waiting, 1);
  desk.order([wanted(4)], never);
  const error = assertThrows(() => desk.order([wanted(5)], never), BusyError);
  assertEquals([error.retryAfter, desk.counts.refused], [1, 3]);
});

Deno.test("more than there can ever be are not told to come again", () => {
  const { desk } = deskOf({ rows: 1, queue: 1 });
  const error = assertThrows(() => desk.order([1, 2, 3].map((p) => wanted(p)), never), ApiError);
  assertEquals([error.status, desk.counts.refused], [400, 0]);
  assertStringIncludes(error.message, "3 answers are asked for, but this server has room for 2");
});

Deno.test("how long a server had nothing to do is not how long there is to wait", async () => {
  const { desk, engine, pass } = deskOf();
  await read(desk.order([wanted(1)], never)[0]);
  await desk.idle();
  pass(3_600_000);
  gated(engine);
  desk.order([1, 2, 3, 4].map((prompt) => wanted(prompt)), never);
  const error = assertThrows(() => desk.order([wanted(5)], never), BusyError);
  assertEquals(error.retryAfter, 1);
});

Deno.test("an order with a prompt that has no room leaves nothing behind", () => {
  const { desk } = deskOf();
  assertThrows(() => desk.order([wanted(1, 2), wanted()], never), RangeError);
  assertEquals(desk.use.rows, 0);
});

Deno.test("an answer of no tokens ends at once", async () => {
  const { desk } = deskOf();
  const [answer] = desk.order([{ prompt: [1, 2], options: { maxTokens: 0 } }], never);
  assertEquals(await read(answer), []);
});

Deno.test("an aborted order frees its places and throws the reason", async () => {
  const { desk, engine } = deskOf();
  const goOn = gated(engine), controller = new AbortController();
  const [gone, waits] = desk.order([wanted(1, 2, 3), wanted(4, 5)], controller.signal);
  const [other] = desk.order([wanted(6, 7)], never);
  await until(() => engine.gate !== undefined && desk.use.rows === 2);
  const first = gone.next();
  goOn();
  assertEquals((await first).value.token, 1);
  controller.abort(new Error("gone"));
  assertEquals([desk.use.rows, desk.use.waiting, desk.counts.left], [1, 0, 2]);
  await assertRejects(() => gone.next(), Error, "gone");
  await assertRejects(async () => assertEquals(await read(waits), [4]), Error, "gone");
  engine.gate = undefined;
  goOn();
  assertEquals(await read(other), [6, 7]);
  assertThrows(() => desk.order([wanted(1)], controller.signal), Error, "gone");
});

Deno.test("whoever stops reading frees the place", async () => {
  const { desk, engine } = deskOf();
  const goOn = gated(engine);
  const [answer] = desk.order([wanted(1, 2, 3)], never);
  setTimeout(goOn, 1);
  for await (const _ of answer) break;
  assertEquals([desk.use.rows, desk.counts.left], [0, 1]);
  engine.gate = undefined;
  goOn();
});

Deno.test("an error of the engine ends its answers, and the next goes on", async () => {
  const { desk, engine, errors } = deskOf();
  const error = new UserError("no numbers", { detail: { kind: "notFinite" } });
  engine.gate = () => Promise.reject(error);
  const answers = desk.order([wanted(1), wanted(2)], never);
  for (const answer of answers) await assertRejects(() => read(answer), UserError, "no numbers");
  engine.gate = undefined;
  assertEquals(await read(desk.order([wanted(3)], never)[0]), [3]);
  assertEquals([errors, desk.counts.failed, desk.counts.ended], [[error], 2, 1]);
});

Deno.test("a lost device ends the desk", async () => {
  const { desk, engine } = deskOf();
  const error = new UserError("it is gone", { detail: { kind: "deviceLost" } });
  engine.gate = () => Promise.reject(error);
  await assertRejects(() => read(desk.order([wanted(1)], never)[0]), UserError, "it is gone");
  assertEquals(await desk.lost, error);
  assertThrows(() => desk.order([wanted(1)], never), UserError, "it is gone");
});

Deno.test("a closed desk finishes what has begun, and an ended one nothing", async () => {
  const { desk, engine } = deskOf({ rows: 2 });
  const goOn = gated(engine);
  const [first, second, third] = desk.order(
    [[1, 2], [3, 4, 5], [6]].map((p) => wanted(...p)),
    never,
  );
  await until(() => desk.use.rows === 2);
  goOn();
  assertEquals((await first.next()).value.token, 1);
  assertEquals((await second.next()).value.token, 3);
  desk.close(new Error("closing"));
  await assertRejects(() => read(third), Error, "closing");
  assertThrows(() => desk.order([wanted(1)], never), Error, "closing");
  goOn();
  assertEquals(await read(first), [2]);
  desk.end(new Error("over"));
  await assertRejects(() => read(second), Error, "over");
  assertEquals([desk.use.rows, desk.counts.failed], [0, 2]);
  goOn();
});

Deno.test("counts of a desk: rates of the last seconds, quantiles, and when to ask again", () => {
  const counts = new DeskCounts();
  assertEquals([counts.firstTokenTime(0.5), counts.tokensPerSecond(0)], [undefined, 0]);
  counts.addTokens(50, 1000);
  counts.addTokens(50, 9000);
  assertEquals(counts.tokensPerSecond(10_000), 10);
  assertEquals([counts.tokensPerSecond(12_000), counts.tokens], [5, 100]);
  for (let i = 1; i <= 100; i++) counts.addFirstToken(i);
  assertEquals([counts.firstTokenTime(0.5), counts.firstTokenTime(0.95)], [51, 96]);
  for (let i = 0; i < 40; i++) counts.addEnd(i * 2000);
  assertEquals(counts.secondsUntilEnds(2, 80_000), 4);
  assertEquals(counts.secondsUntilEnds(100, 80_000), 60);
});
