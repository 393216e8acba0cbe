import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ApiError } from "../../lib/serve/api_error.ts";
import { chatCompletion, errorResponse } from "../../lib/serve/openai/mod.ts";
import { BusyError, type Service } from "../../lib/serve/service.ts";
import {
  END,
  eventsOf,
  FakeDesk,
  type Json,
  NOW,
  say,
  saying,
  serviceOf,
  tokenizer,
  toolUse,
} from "./fake_service.ts";

const HI = { model: "d4", messages: [{ role: "user", content: "Hi" }] };

async function answer(service: Service, fields: object = {}): Promise<Response> {
  const { signal } = new AbortController();
  return await chatCompletion({ ...HI, ...fields }, service, signal, () => NOW);
}

async function json(service: Service, fields: object = {}): Promise<Json> {
  return await (await answer(service, fields)).json();
}

Deno.test("an answer has OpenAI's form", async () => {
  const desk = new FakeDesk([say("Hello!")], 200, [3]);
  const { id, ...rest } = await json(serviceOf(desk), { seed: 7 });
  assertMatch(id, /^chatcmpl-[0-9a-f]{32}$/);
  const prompt = desk.wanted[0].prompt.length, completion = tokenizer.encode("Hello!").length;
  assertEquals(rest, {
    object: "chat.completion",
    created: 1_700_000_000,
    model: "d4",
    system_fingerprint: "fp_5f5e1000",
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: "Hello!",
        refusal: null,
        parts: [{ type: "text", text: "Hello!" }],
      },
      logprobs: null,
      finish_reason: "stop",
    }],
    usage: {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_tokens_details: { cached_tokens: 3 },
    },
  });
  assertEquals(
    tokenizer.decode(desk.wanted[0].prompt),
    "<|bos|><|user_start|>Hi<|user_end|><|assistant_start|>",
  );
});

Deno.test("fields reach the sampler, and what is not said is as the server does it", async () => {
  const { desk, service } = saying(say("a"));
  await answer(service, { seed: null, stop: null, tools: [], user: "me", unheard_of: {} });
  const { seed, ...defaults } = desk.wanted[0].options;
  assert(Number.isInteger(seed));
  assertEquals(defaults, {
    temperature: 0.6,
    topK: 50,
    topP: 1,
    minP: 0,
    maxTokens: 64,
    presencePenalty: undefined,
    frequencyPenalty: undefined,
    logitBias: undefined,
    topLogprobs: undefined,
  });
  await answer(service, {
    temperature: 0,
    top_p: 0.5,
    top_k: 3,
    min_p: 0.1,
    seed: 0,
    max_tokens: 9,
    max_completion_tokens: 5,
    presence_penalty: -2,
    frequency_penalty: 1.5,
    logit_bias: { "7": -100, "4095": 1.5 },
    logprobs: true,
    top_logprobs: 2,
  });
  assertEquals(desk.wanted[1].options, {
    temperature: 0,
    topP: 0.5,
    topK: 3,
    minP: 0.1,
    seed: 0,
    maxTokens: 5,
    presencePenalty: -2,
    frequencyPenalty: 1.5,
    logitBias: new Map([[7, -100], [4095, 1.5]]),
    topLogprobs: 2,
  });
  await answer(service, { top_p: 0 });
  assertEquals([desk.wanted[2].options.topP, desk.wanted[2].options.topK], [1, 1]);
  await answer(service);
  assert(desk.wanted[3].options.seed !== seed);
});

Deno.test("several answers have seeds that count on, and a prompt that counts once", async () => {
  const { desk, service } = saying(say("one"), say("two"), say("three"));
  const { choices, usage } = await json(service, { n: 3, seed: 40, max_tokens: 1 });
  assertEquals(desk.wanted.map(({ options }) => options.seed), [40, 41, 42]);
  assertEquals(choices.map((choice: Json) => choice.index), [0, 1, 2]);
  assertEquals(choices.map((choice: Json) => choice.finish_reason), ["length", "length", "length"]);
  assertEquals(usage.prompt_tokens, desk.wanted[0].prompt.length);
  assertEquals(usage.completion_tokens, 3);
});

Deno.test("the calculator's use can be seen, in the text and apart", async () => {
  const script = [...tokenizer.encode("It is "), ...toolUse("6*7", "42"), ...say("42.")];
  const { service } = saying(script);
  const { choices: [{ message }], usage } = await json(service);
  assertEquals(message.content, "It is [6*7 = 42]42.");
  assertEquals(message.parts, [
    { type: "text", text: "It is " },
    { type: "python", text: "6*7" },
    { type: "python_output", text: "42" },
    { type: "text", text: "42." },
  ]);
  assertEquals(usage.completion_tokens, script.length - 1);

  const events = await eventsOf(await answer(service, { stream: true }));
  const deltas = events.slice(1, -2).map((event) => event.choices[0].delta);
  assertEquals(deltas.map((delta: Json) => delta.content).join(""), message.content);
  for (const type of ["text", "python", "python_output"]) {
    const text = (pieces: Json[], key: string, name: string) =>
      pieces.filter((piece) => piece[key] === type).map((piece) => piece[name]).join("");
    assertEquals(text(deltas, "part", "content"), text(message.parts, "type", "text"));
  }
  assertEquals(
    deltas.filter((delta: Json) => !delta.part).map((delta: Json) => delta.content),
    ["[", " = ", "]"],
  );
});

Deno.test("a use of the calculator that is cut off is closed", async () => {
  const { service } = saying([...toolUse("6*7", "42").slice(0, 2)]);
  const { choices: [{ message, finish_reason }] } = await json(service, { max_tokens: 2 });
  assertMatch(message.content, /^\[6.*\]$/);
  assertEquals(finish_reason, "length");
});

Deno.test("a stream has a role first, an end for each choice, usage if asked for, and [DONE]", async () => {
  const { desk, service } = saying(say("Good day"), say("Ho"));
  const response = await answer(service, {
    stream: true,
    stream_options: { include_usage: true },
    n: 2,
  });
  assertEquals(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const events = await eventsOf(response);
  assertEquals(events.pop(), "[DONE]");
  const last = events.pop();
  assertEquals(last.choices, []);
  assertEquals(last.usage.completion_tokens, desk.read[0] + desk.read[1]);
  const texts = ["", ""], ends: string[] = [];
  for (const { usage, object, id, choices: [choice], ...others } of events) {
    assertEquals([usage, object, id], [null, "chat.completion.chunk", last.id]);
    assertEquals(others.created, 1_700_000_000);
    texts[choice.index] += choice.delta.content ?? "";
    if (choice.finish_reason) ends[choice.index] = choice.finish_reason;
  }
  assertEquals(events.slice(0, 2).map(({ choices: [{ delta }] }) => delta.role), [
    "assistant",
    "assistant",
  ]);
  assertEquals(texts, ["Good day", "Ho"]);
  assertEquals(ends, ["stop", "stop"]);
  assertEquals(events.filter(({ choices: [choice] }) => choice.finish_reason).length, 2);
  const plain = await eventsOf(await answer(service, { stream: true }));
  assertEquals(plain.slice(0, -1).some((event) => "usage" in event), false);
});

Deno.test("a stop text ends an answer across tokens, and only the whole of it", async () => {
  const text = "one two three four five";
  for (
    const [stop, wanted] of [
      ["o three", "one tw"],
      [["five", "e th", "o t"], "one tw"],
      [["fivefold", "sixth"], text],
      [" ", "one"],
      ["one", ""],
    ]
  ) {
    for (const stream of [false, true]) {
      const { desk, service } = saying(say(text));
      const response = await answer(service, { stop, stream });
      const choices = stream
        ? (await eventsOf(response)).slice(0, -1).map((event) => event.choices[0])
        : (await response.json()).choices;
      const content = choices
        .map((choice: Json) => (choice.message ?? choice.delta).content ?? "").join("");
      assertEquals(content, wanted);
      assertEquals(choices.at(-1).finish_reason, "stop");
      // The sequence is left where the stop text ends.
      assertEquals(desk.left, wanted === text ? [] : [0]);
    }
  }
});

Deno.test("a stop text ends the answer it stands in alone", async () => {
  const { desk, service } = saying(say("a b c d"), say("x y z"));
  const { choices, usage } = await json(service, { n: 2, stop: "b" });
  assertEquals(choices.map((choice: Json) => choice.message.content), ["a ", "x y z"]);
  assertEquals(desk.left, [0]);
  assertEquals(usage.completion_tokens, desk.read[0] + desk.read[1]);
});

Deno.test("characters come whole, and a stop text may be part of what was held back", async () => {
  const ids = tokenizer.encode("🙂 日本");
  const { service } = saying([...ids, END]);
  const events = await eventsOf(await answer(service, { stream: true, stop: ["本"] }));
  const contents = events.slice(0, -1).map((event) => event.choices[0].delta.content ?? "");
  assertEquals(contents.join(""), "🙂 日");
  const cut = saying([...ids.slice(0, 2), END]);
  assertEquals((await json(cut.service)).choices[0].message.content, "\ufffd");
});

Deno.test("log-probabilities stand with each token, its bytes and the likeliest", async () => {
  const text = "Hi 🙂";
  const ids = tokenizer.encode(text);
  const { service } = saying([...ids, END]);
  const fields = { logprobs: true, top_logprobs: 2 };
  const { choices: [{ logprobs }] } = await json(service, fields);
  assertEquals(logprobs.content.map(({ bytes }: Json) => bytes).flat(), [
    ...new TextEncoder().encode(text),
  ]);
  assertEquals(logprobs.content.map(({ logprob }: Json) => logprob), ids.map(() => -0.5));
  assertEquals(logprobs.content[0].token, tokenizer.decode([ids[0]]));
  assertEquals(
    logprobs.content[0].top_logprobs.map(({ token, logprob }: Json) => [token, logprob]),
    [[tokenizer.decode([ids[0]]), -0.5], [logprobs.content[0].top_logprobs[1].token, -1.5]],
  );
  const broken = logprobs.content.filter(({ token }: Json) => token.startsWith("bytes:\\x"));
  assertEquals(broken.length > 0, true);

  const events = await eventsOf(await answer(service, { ...fields, stream: true }));
  const told = events.slice(0, -1).flatMap((event) => event.choices[0].logprobs?.content ?? []);
  assertEquals(told, logprobs.content);
  const none = await json(service, { logprobs: true });
  assertEquals(none.choices[0].logprobs.content[0].top_logprobs, []);
});

Deno.test("what does not come to be seen because of a stop text has no log-probability", async () => {
  const { service } = saying(say("one two three"));
  const { choices: [{ logprobs }] } = await json(service, { logprobs: true, stop: " two" });
  assertEquals(logprobs.content.map(({ token }: Json) => token).join(""), "one");
});

Deno.test("too many orders are a 429 that says when to come again, in a stream too", async () => {
  for (const stream of [false, true]) {
    const { desk, service } = saying(say("a"));
    desk.refusal = new BusyError(7);
    const error = await assertRejects(() => answer(service, { stream }));
    const response = errorResponse(error);
    assertEquals([response.status, response.headers.get("retry-after")], [429, "7"]);
    assertEquals((await response.json()).error.code, "rate_limit_exceeded");
  }
});

Deno.test("an error amid a stream is its last event, and a bug's words stay here", async () => {
  const { desk, service } = saying([...tokenizer.encode("Well"), new Error("secret/path.ts")]);
  const events = await eventsOf(await answer(service, { stream: true }));
  assertEquals(events.at(-1).error.type, "server_error");
  assertEquals(JSON.stringify(events).includes("secret"), false);
  assertEquals(desk.signal.aborted, true);
  const response = errorResponse(await assertRejects(() => answer(service)));
  assertEquals(response.status, 500);
  assertEquals((await response.text()).includes("secret"), false);
});

Deno.test("where one of several answers fails, the others are taken out", async () => {
  const { desk, service } = saying([new Error("lost")], Array(60).fill(5));
  await assertRejects(() => answer(service, { n: 2 }), Error, "lost");
  assertEquals(desk.signal.aborted, true);
  const events = await eventsOf(await answer(service, { n: 2, stream: true }));
  assertEquals("error" in events.at(-1), true);
});

Deno.test("a client that goes away, by its signal or its stream, frees its place", async () => {
  const endless = Array(60).fill(tokenizer.encode(" word")[0]);
  const { desk, service } = saying(endless);
  const response = await answer(service, { stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(desk.signal.aborted, true);

  const controller = new AbortController();
  controller.abort(new ApiError("the server is shutting down", { status: 503 }));
  const error = await assertRejects(() => {
    return chatCompletion(HI, service, controller.signal, () => NOW);
  });
  assertEquals(errorResponse(error).status, 503);
});

Deno.test("a slow reader is waited for", async () => {
  const { desk, service } = saying(say("one two three four five six"));
  const reader = (await answer(service, { stream: true })).body!.getReader();
  await reader.read();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(desk.read[0], 1);
  while (!(await reader.read()).done);
  assertEquals(desk.read[0], desk.script[0].length - 1);
});
