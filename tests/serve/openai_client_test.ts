/** OpenAI's own client, from npm, against `serve`. */
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import OpenAI from "openai";
import type { ServerProcess } from "../../bench/serve/server_process.ts";
import { until } from "./patience.ts";
import {
  BASE_DIR,
  ENDLESS,
  MODEL_FLAGS,
  PROGRAM,
  startShipped,
  tokenizer,
} from "./shipped_server.ts";

type Chat = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, "stream">;
/** What OpenAI's client has no type for. */
type Wanted = Partial<Chat> & { top_k?: number; min_p?: number };

const QUESTION = "Tell me a story about a brown dog.";

let server: ServerProcess;
let openai: OpenAI;
let model: string;

Deno.test.beforeAll(async () => {
  server = await startShipped();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
  [{ id: model }] = (await openai.models.list()).data;
});
Deno.test.afterAll(async () => void await server?.stop());

/** A chat's request: greedy and short unless told otherwise. */
function chat(wanted: Wanted = {}): Chat {
  const messages: Chat["messages"] = [{ role: "user", content: QUESTION }];
  return { model, messages, temperature: 0, max_tokens: 24, ...wanted };
}

async function textsOf(wanted: Wanted): Promise<(string | null)[]> {
  const { choices } = await openai.chat.completions.create(chat(wanted));
  return choices.map(({ message }) => message.content);
}

/** How many answers are being given, or wait. */
async function openAnswers(): Promise<number> {
  const { answers } = await (await fetch(`${server.url}/stats`)).json();
  return answers.running + answers.waiting;
}

Deno.test("openai: the model is listed, another is not found", async () => {
  const { data } = await openai.models.list();
  assertEquals(data.map(({ object, id }) => [object, id]), [["model", model]]);
  assertEquals((await openai.models.retrieve(model)).id, model);
  await assertRejects(() => openai.models.retrieve("gpt-4o"), OpenAI.NotFoundError);
  const error = await assertRejects(
    () => openai.chat.completions.create(chat({ model: "gpt-4o" })),
    OpenAI.NotFoundError,
  );
  assertEquals(error.code, "model_not_found");
});

Deno.test("openai: an answer, its end and its usage", async () => {
  const { object, choices, usage } = await openai.chat.completions.create(chat());
  assertEquals(object, "chat.completion");
  const [{ index, message, finish_reason }] = choices;
  assertEquals([choices.length, index, message.role, finish_reason], [1, 0, "assistant", "length"]);
  assertGreater(message.content!.length, 0);
  const { prompt_tokens, completion_tokens, total_tokens } = usage!;
  assertGreater(prompt_tokens, 5);
  assertEquals(completion_tokens, 24);
  assertEquals(total_tokens, prompt_tokens + completion_tokens);
});

Deno.test("openai: a stream gives the same answer, and usage at its end", async () => {
  const stream = await openai.chat.completions.create({
    ...chat(),
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = await Array.fromAsync(stream);
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  assertEquals(deltas[0].role, "assistant");
  assertEquals(deltas.map(({ content }) => content ?? "").join(""), (await textsOf({}))[0]);
  assertGreater(deltas.length, 10);
  const reasons = chunks.flatMap(({ choices }) => choices.map((choice) => choice.finish_reason));
  assertEquals(reasons.filter((reason) => reason !== null), ["length"]);
  assertEquals(chunks.at(-1)!.choices, []);
  assertEquals(chunks.at(-1)!.usage!.completion_tokens, 24);
  assert(chunks.slice(0, -1).every(({ usage }) => !usage));
});

Deno.test("openai: the client's helper for streams reads them", async () => {
  const stream = openai.chat.completions.stream(chat({ n: 2, temperature: 1, seed: 3 }));
  const { choices } = await stream.finalChatCompletion();
  assertEquals(
    choices.map(({ message }) => message.content),
    await textsOf({
      n: 2,
      temperature: 1,
      seed: 3,
    }),
  );
});

Deno.test("openai: a seed gives the same answers, alone and beside others", async () => {
  const wanted = { temperature: 1, top_k: 0, seed: 5, n: 3 };
  const alone = await textsOf(wanted);
  assertEquals(new Set(alone).size, 3);
  const others = Array.from(
    { length: 6 },
    (_, seed) => textsOf({ temperature: 1, top_p: 0.9, max_tokens: 10 + 4 * seed, seed }),
  );
  const [beside] = await Promise.all([textsOf(wanted), ...others]);
  assertEquals(beside, alone);
  assertEquals((await textsOf({ ...wanted, seed: 6, n: 2 }))[0], alone[1]);
  assertNotEquals(await textsOf({ ...wanted, seed: 50 }), alone);
});

Deno.test("openai: without a seed, answers differ", async () => {
  const wanted = { temperature: 1, top_k: 0 };
  assertNotEquals(await textsOf(wanted), await textsOf(wanted));
});

Deno.test("openai: greedy answers equal chat's", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, "chat", ...MODEL_FLAGS, "--prompt", QUESTION]
      .concat(["--temperature", "0", "--max-new-tokens", "48"]),
    env: { NANOCHAT_BASE_DIR: BASE_DIR, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assert(success, text.decode(stderr));
  assertEquals(`${(await textsOf({ max_tokens: 48 }))[0]}\n`, text.decode(stdout));
});

Deno.test("openai: an answer ends before what stops it", async () => {
  const [whole] = await textsOf({});
  const stop = whole!.slice(20, 26); // not where a token begins
  const { choices: [{ message, finish_reason }] } = await openai.chat.completions.create(
    chat({ stop: ["never said", stop] }),
  );
  assertEquals(message.content, whole!.slice(0, whole!.indexOf(stop)));
  assertEquals(finish_reason, "stop");
});

Deno.test("openai: log-probabilities are of the answer's tokens", async () => {
  const { choices: [{ message, logprobs }] } = await openai.chat.completions.create(
    chat({ logprobs: true, top_logprobs: 3 }),
  );
  const content = logprobs!.content!;
  assertEquals(content.length, 24);
  assertEquals(content.map(({ token }) => token).join(""), message.content);
  for (const { token, logprob, top_logprobs } of content) {
    assertLess(logprob, 0);
    assertEquals([top_logprobs.length, top_logprobs[0].token], [3, token]);
    assertEquals(top_logprobs[0].logprob, logprob);
    assertLess(top_logprobs[1].logprob, logprob);
  }
});

Deno.test("openai: biases and penalties change what is said", async () => {
  const [the] = tokenizer.encode(" the");
  const bias = { logit_bias: { [the]: 100 }, max_tokens: 3 };
  assertEquals(await textsOf(bias), [" the the the"]);
  const [penalized] = await textsOf({ ...bias, presence_penalty: 2, frequency_penalty: 2 });
  assertEquals(penalized, " the the the"); // a bias of 100 outweighs them
  const words = (text: string | null) => new Set(text!.split(" ")).size;
  const [plain] = await textsOf({ max_tokens: 48 });
  const [varied] = await textsOf({ max_tokens: 48, frequency_penalty: 2, presence_penalty: 2 });
  assertGreater(words(varied), words(plain));
});

Deno.test("openai: what is not supported is a bad request that names it", async () => {
  const tool = { type: "function", function: { name: "f", parameters: {} } } as const;
  const cases: [string, Wanted][] = [
    ["tools", { tools: [tool] }],
    ["response_format", { response_format: { type: "json_object" } }],
    ["temperature", { temperature: 3 }],
    ["n", { n: 0 }],
  ];
  for (const [param, wanted] of cases) {
    const error = await assertRejects(
      () => openai.chat.completions.create(chat(wanted)),
      OpenAI.BadRequestError,
    );
    assertEquals([error.param, error.type], [param, "invalid_request_error"], error.message);
  }
  const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } } as const;
  await assertRejects(
    () => openai.chat.completions.create(chat({ messages: [{ role: "user", content: [image] }] })),
    OpenAI.BadRequestError,
  );
  const long = [{ role: "user", content: "far too long ".repeat(2000) }] as const;
  const error = await assertRejects(
    () => openai.chat.completions.create(chat({ messages: [...long] })),
    OpenAI.BadRequestError,
  );
  assertEquals(error.code, "context_length_exceeded");
});

Deno.test("openai: a system text and earlier turns are read", async () => {
  const messages: Chat["messages"] = [
    { role: "system", content: "You tell stories." },
    { role: "user", content: "Hello!" },
    { role: "assistant", content: [{ type: "text", text: "Good day." }] },
    {
      role: "user",
      content: [{ type: "text", text: "A story, " }, { type: "text", text: "please." }],
    },
  ];
  const { usage } = await openai.chat.completions.create(chat({ messages }));
  const { usage: short } = await openai.chat.completions.create(
    chat({ messages: messages.slice(1) }),
  );
  assertGreater(usage!.prompt_tokens, short!.prompt_tokens);
});

Deno.test("openai: what several requests begin with is read once", async () => {
  const content = "The same long words again. ".repeat(20);
  const cached: number[] = [];
  for (const end of ["One?", "Two?"]) {
    const messages: Chat["messages"] = [{ role: "user", content: content + end }];
    const { usage } = await openai.chat.completions.create(chat({ messages }));
    cached.push(usage!.prompt_tokens_details?.cached_tokens ?? 0);
  }
  assertLess(cached[0], 10); // the marks that every prompt begins with
  assertGreater(cached[1], 100);
});

Deno.test("openai: an answer that is broken off frees its place", async () => {
  const stream = await openai.chat.completions.create({
    ...chat(ENDLESS),
    stream: true,
  });
  for await (const _ of stream) break; // the client ends the connection
  await until(async () => await openAnswers() === 0);
  const abort = new AbortController();
  const answer = openai.chat.completions.create(chat({ ...ENDLESS, n: 4 }), {
    signal: abort.signal,
  });
  await until(async () => await openAnswers() > 0);
  abort.abort();
  await assertRejects(() => answer, OpenAI.APIUserAbortError);
  await until(async () => await openAnswers() === 0);
});

Deno.test("openai: completions go on from text and from tokens", async () => {
  const wanted = { model, temperature: 0, max_tokens: 6 };
  const prompt = "stone: s t o n e\ngarden:";
  const { choices: [{ text, finish_reason }], object } = await openai.completions.create({
    ...wanted,
    prompt,
  });
  assertEquals([object, text, finish_reason], ["text_completion", " g a r d e n", "length"]);
  const tokens = [tokenizer.bosId, ...tokenizer.encode(prompt)];
  const both = await openai.completions.create({ ...wanted, prompt: [tokens, tokens] });
  assertEquals(both.choices.map(({ index, text }) => [index, text]), [[0, text], [1, text]]);
  const stream = await openai.completions.create({ ...wanted, prompt, stream: true, logprobs: 1 });
  const chunks = await Array.fromAsync(stream);
  assertEquals(chunks.map(({ choices: [choice] }) => choice?.text ?? "").join(""), text);
  await assertRejects(
    () => openai.completions.create({ ...wanted, prompt, suffix: "." }),
    OpenAI.BadRequestError,
  );
});
