import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ApiError } from "../../lib/serve/api_error.ts";
import { textCompletion } from "../../lib/serve/openai/mod.ts";
import type { Service } from "../../lib/serve/service.ts";
import { END, eventsOf, type Json, NOW, say, saying, tokenizer } from "./fake_service.ts";

async function complete(service: Service, fields: object): Promise<Response> {
  const { signal } = new AbortController();
  return await textCompletion({ model: "d4", ...fields }, service, signal, () => NOW);
}

Deno.test("a continuation has OpenAI's form", async () => {
  const { desk, service } = saying(say(" upon a time"));
  const { id, ...rest } = await (await complete(service, { prompt: "Once<|bos|>" })).json();
  assertMatch(id, /^cmpl-/);
  const prompt = [tokenizer.bosId, ...tokenizer.encode("Once<|bos|>")];
  assertEquals(desk.wanted[0].prompt, prompt);
  assertEquals(prompt.filter((token) => token === tokenizer.bosId).length, 1);
  assertEquals(rest, {
    object: "text_completion",
    created: 1_700_000_000,
    model: "d4",
    system_fingerprint: "fp_5f5e1000",
    choices: [{ index: 0, text: " upon a time", logprobs: null, finish_reason: "stop" }],
    usage: {
      prompt_tokens: prompt.length,
      completion_tokens: desk.read[0],
      total_tokens: prompt.length + desk.read[0],
      prompt_tokens_details: { cached_tokens: 0 },
    },
  });
});

Deno.test("prompts are texts or token ids, one or several, each with n answers", async () => {
  const bos = tokenizer.bosId, [a] = tokenizer.encode("a"), [b] = tokenizer.encode("b");
  const prompts: [unknown, number[][]][] = [
    ["a", [[bos, a]]],
    [["a", "b"], [[bos, a], [bos, b]]],
    [[a, b], [[a, b]]],
    [[[a], [b, bos]], [[a], [b, bos]]],
    ["", [[bos]]],
  ];
  for (const [prompt, wanted] of prompts) {
    const { desk, service } = saying(say("x"));
    const response = await complete(service, { prompt, n: 2, best_of: 2, seed: 5 });
    const { choices, usage } = await response.json();
    assertEquals(desk.wanted.map(({ prompt }) => prompt), wanted.flatMap((ids) => [ids, ids]));
    assertEquals(desk.wanted.map(({ options }) => options.seed), wanted.flatMap(() => [5, 6]));
    assertEquals(choices.map(({ index }: Json) => index), [...desk.wanted.keys()]);
    assertEquals(usage.prompt_tokens, wanted.flat().length);
  }
  const wrong = [
    undefined,
    [],
    [[]],
    [-1],
    [tokenizer.vocabSize],
    ["a", 5],
    {},
    Array(17).fill("a"),
  ];
  for (const prompt of wrong) {
    const { service } = saying(say("x"));
    const error = await assertRejects(() => complete(service, { prompt }), ApiError);
    assertEquals(error.param, "prompt");
  }
});

Deno.test("a prompt without room for an answer is too long", async () => {
  const { service } = saying(say("x"));
  const prompt = Array(200).fill(5);
  const error = await assertRejects(() => complete(service, { prompt }), ApiError, "200 tokens");
  assertEquals([error.status, error.code], [400, "context_length_exceeded"]);
  assertEquals((await complete(service, { prompt: prompt.slice(1) })).status, 200);
});

Deno.test("what is not supported of completions is named", async () => {
  for (const fields of [{ echo: true }, { suffix: "end" }, { best_of: 2 }, { logprobs: 21 }]) {
    const { service } = saying(say("x"));
    const error = await assertRejects(
      () => complete(service, { prompt: "a", ...fields }),
      ApiError,
    );
    assertEquals([error.status, error.param], [400, Object.keys(fields)[0]]);
  }
});

Deno.test("a stream of continuations ends each, and tells usage", async () => {
  const { service } = saying(say(" one two"), say(" three"));
  const fields = { stream: true, stream_options: { include_usage: true }, prompt: ["a", "b"] };
  const events = await eventsOf(await complete(service, fields));
  assertEquals(events.pop(), "[DONE]");
  const { choices, usage } = events.pop();
  assertEquals(choices, []);
  assertEquals(usage.prompt_tokens, 4);
  const texts = ["", ""], ends: string[] = [];
  for (const { object, choices: [choice] } of events) {
    assertEquals(object, "text_completion");
    texts[choice.index] += choice.text;
    if (choice.finish_reason) ends[choice.index] = choice.finish_reason;
  }
  assertEquals([texts, ends], [[" one two", " three"], ["stop", "stop"]]);
});

Deno.test("log-probabilities say where in the text each token stands", async () => {
  const text = "one two 🙂 three";
  const ids = tokenizer.encode(text);
  const { service } = saying([...ids, END]);
  const fields = { prompt: "a", logprobs: 2 };
  const { choices: [{ logprobs }] } = await (await complete(service, fields)).json();
  assertEquals(logprobs.tokens.length, ids.length);
  assertEquals(logprobs.token_logprobs, ids.map(() => -0.5));
  assertEquals(Object.keys(logprobs.top_logprobs[0]).length, 2);
  logprobs.tokens.forEach((token: string, i: number) => {
    if (token.startsWith("bytes:")) return;
    assertEquals(text.startsWith(token, logprobs.text_offset[i]), true);
  });
  const events = (await eventsOf(await complete(service, { ...fields, stream: true }))).slice(
    0,
    -1,
  );
  const told = events.map((event) => event.choices[0].logprobs).filter(Boolean);
  for (const key of ["tokens", "token_logprobs", "top_logprobs", "text_offset"]) {
    assertEquals(told.flatMap((logprobs) => logprobs[key]), logprobs[key]);
  }
});
