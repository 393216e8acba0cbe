/** What the load of a server counts, with one whose answers are known. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  errorsOf,
  memoryEnds,
  percentile,
  phaseTable,
  rateOf,
  speedup,
} from "../../bench/serve/figures.ts";
import { Load } from "../../bench/serve/load.ts";
import { loadQuestions } from "../../bench/serve/questions.ts";

const chunk = (fields: object): string => `data: ${JSON.stringify(fields)}\n\n`;
const delta = (content: string, finish_reason: string | null = null) =>
  chunk({ choices: [{ index: 0, delta: { content }, finish_reason }], usage: null });

/** The answers to chats, in turn. */
const ANSWERS: (() => Response)[] = [
  () => stream(delta("a") + delta("b", "stop"), usage(2)),
  () => new Response("{}", { status: 429, headers: { "retry-after": "0" } }),
  () => new Response("{}", { status: 500 }),
  () => stream(delta("a")), // breaks off
  () => stream(delta("a", "length"), usage(3)),
];

const usage = (completion_tokens: number) => chunk({ choices: [], usage: { completion_tokens } });
const stream = (...pieces: string[]) =>
  new Response([...pieces, "data: [DONE]\n\n"].join(""), {
    headers: { "content-type": "text/event-stream" },
  });

Deno.test("a load counts tokens and errors by their kinds", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      if (request.method === "GET") return Response.json({ object: "list", data: [{ id: "d4" }] });
      const { messages, model, max_tokens } = await request.json();
      assertEquals([model, max_tokens], ["d4", 8]);
      return (ANSWERS[asked.push(messages[0].content) - 1] ?? ANSWERS[4])();
    },
  );
  const load = new Load(`http://127.0.0.1:${server.addr.port}`, ["one?", "two?"], 8);
  const phase = await load.run(1, 1.5);
  assertEquals(phase.outcomes.slice(0, 5).map(({ tokens, error }) => [tokens, error]), [
    [2, undefined],
    [0, "429"],
    [0, "500"],
    [0, "an answer without an end"],
    [3, undefined],
  ]);
  assertEquals(asked.slice(0, 3), ["one?", "two?", "one?"]);
  assertGreater(phase.outcomes[0].firstTokenMs!, 0);
  assertEquals(phase.outcomes[1].firstTokenMs, undefined);
});

Deno.test("a server that is gone is an error", async () => {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () => Response.json({ object: "list", data: [{ id: "d4" }] }),
  );
  const load = new Load(`http://127.0.0.1:${server.addr.port}`, ["one?"], 8);
  await load.run(1, 0);
  await server.shutdown();
  const { outcomes: [{ error }] } = await load.run(1, 0.1);
  assert(error !== undefined && error !== "429", error);
});

const phase = (clients: number, tokens: number, error?: string) => ({
  clients,
  seconds: 2,
  outcomes: [{ tokens, firstTokenMs: 10 }, { tokens: 0, error }],
});

Deno.test("figures of a load", () => {
  assertEquals(percentile([4, 1, 3, 2], 0.5), 2);
  assertEquals(percentile([4, 1, 3, 2], 0.95), 4);
  assertEquals(percentile([], 0.5), NaN);
  const round = { one: phase(1, 10), many: phase(64, 45, "429") };
  assertEquals(rateOf(round.one), 5);
  assertEquals(
    speedup([round, { ...round, many: phase(64, 90) }, { ...round, many: phase(64, 60) }]),
    6,
  );
  assertEquals([...errorsOf([round.one, round.many])], [["429", 1]]);
  const [, , , many] = phaseTable([round]).split("\n");
  assertEquals(many.replaceAll(/\s*\|\s*/g, "|"), "|1|64|2|1|0|10|10|22.5|");
  const samples = [0, 30, 60, 90, 120, 150].map((second, i) => ({ second, bytes: i }));
  assertEquals(memoryEnds(samples), { first: 1, last: 4 });
});

Deno.test("questions of a load are many, and none is asked twice", async () => {
  const questions = await loadQuestions();
  assertGreater(questions.length, 1000);
  assertEquals(new Set(questions).size, questions.length);
  assert(questions.every((question) => question.length <= 600));
});
