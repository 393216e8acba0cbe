/** Vercel's AI SDK, from npm, against `serve`. */
import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { createOpenAICompatible, type OpenAICompatibleProvider } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, jsonSchema, streamText, tool } from "ai";
import type { ServerProcess } from "../../bench/serve/server_process.ts";
import { startShipped } from "./shipped_server.ts";

const SETTINGS = { temperature: 0, maxOutputTokens: 16, maxRetries: 0 };

let server: ServerProcess;
let provider: OpenAICompatibleProvider;
let id: string;

Deno.test.beforeAll(async () => {
  server = await startShipped();
  const baseURL = `${server.url}/v1`;
  provider = createOpenAICompatible({ name: "nanochat", baseURL, includeUsage: true });
  [{ id }] = (await (await fetch(`${baseURL}/models`)).json()).data;
});
Deno.test.afterAll(async () => void await server?.stop());

Deno.test("ai: a conversation is answered, at once and in a stream", async () => {
  const wanted = {
    ...SETTINGS,
    model: provider(id),
    instructions: "You tell stories.",
    messages: [
      { role: "user" as const, content: "Hello!" },
      { role: "assistant" as const, content: "Good day." },
      { role: "user" as const, content: "Tell me a story." },
    ],
  };
  const { text, finishReason, usage } = await generateText(wanted);
  assertGreater(text.length, 0);
  assertEquals([finishReason, usage.outputTokens], ["length", 16]);
  const stream = streamText(wanted);
  assertEquals((await Array.fromAsync(stream.textStream)).join(""), text);
  assertEquals(await stream.finishReason, "length");
  const { outputTokens, totalTokens } = await stream.usage;
  assertEquals([outputTokens, totalTokens], [16, usage.totalTokens]);
});

Deno.test("ai: the same seed gives the same answer", async () => {
  const ask = async (seed: number) => {
    const prompt = "Tell me a story.";
    const model = provider(id);
    return (await generateText({ ...SETTINGS, model, prompt, seed, temperature: 1 })).text;
  };
  const [first, again, other] = [await ask(1), await ask(1), await ask(2)];
  assertEquals(first, again);
  assertEquals(first === other, false);
});

Deno.test("ai: completions go on from text", async () => {
  const model = provider.completionModel(id);
  const { text } = await generateText({
    ...SETTINGS,
    model,
    prompt: "stone: s t o n e\ngarden:",
    stopSequences: ["n"],
  });
  assertGreater(text.length, 0);
});

Deno.test("ai: tools are refused as the API's error", async () => {
  const inputSchema = jsonSchema<{ city: string }>({
    type: "object",
    properties: { city: { type: "string" } },
  });
  const error = await assertRejects(
    () =>
      generateText({
        ...SETTINGS,
        model: provider(id),
        prompt: "How is the weather?",
        tools: { weather: tool({ inputSchema }) },
      }),
    APICallError,
  );
  assertEquals([error.statusCode, error.isRetryable], [400, false]);
});
