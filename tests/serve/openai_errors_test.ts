/** What OpenAI's client makes of a server that wants a key, has too much to do, or ends. */
import { assert, assertEquals, assertGreater, assertInstanceOf, assertRejects } from "@std/assert";
import OpenAI from "openai";
import { ENDLESS, startShipped } from "./shipped_server.ts";

const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: "user", content: "Tell me a story." },
];

function clientOf(url: string, apiKey: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

Deno.test("openai: a key is asked for", async () => {
  await using server = await startShipped("--api-key", "secret");
  const { data } = await clientOf(server.url, "secret").models.list();
  assertEquals(data.length, 1);
  for (const wrong of ["secre", "secrets", "Secret"]) {
    const error = await assertRejects(
      () => clientOf(server.url, wrong).models.list(),
      OpenAI.AuthenticationError,
    );
    assertEquals(error.code, "invalid_api_key");
  }
  assert(!server.told.includes("secret"), server.told);
});

Deno.test("openai: what comes too much is told when to come again", async () => {
  await using server = await startShipped("--batch-size", "1", "--queue", "2");
  const openai = clientOf(server.url, "any");
  const [{ id: model }] = (await openai.models.list()).data;
  const ask = () => openai.chat.completions.create({ model, messages, ...ENDLESS });
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, ask));
  const errors = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason] : []
  );
  assertGreater(errors.length, 0);
  assertGreater(outcomes.length - errors.length, 2);
  for (const error of errors) {
    assertInstanceOf(error, OpenAI.RateLimitError);
    assertGreater(Number(error.headers.get("retry-after")), 0);
  }
  assertEquals((await ask()).usage!.completion_tokens, ENDLESS.max_tokens);
});

Deno.test("openai: a server that ends finishes the answers it has begun", async () => {
  const server = await startShipped();
  const openai = clientOf(server.url, "any");
  const [{ id: model }] = (await openai.models.list()).data;
  const wanted = { model, messages, ...ENDLESS, n: 4, stream: true } as const;
  const begun = new Set<number>(), reasons: string[] = [];
  let ended: Promise<number> | undefined;
  for await (const { choices: [choice] } of await openai.chat.completions.create(wanted)) {
    if (choice?.delta.content) begun.add(choice.index);
    if (begun.size === 4) ended ??= server.stop("SIGTERM");
    if (choice?.finish_reason) reasons.push(choice.finish_reason);
  }
  assertEquals(reasons, Array(4).fill("length"));
  assertEquals(await ended, 143);
});
