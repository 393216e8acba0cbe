import { assertEquals, assertThrows } from "@std/assert";
import { ApiError } from "../../lib/serve/api_error.ts";
import { detailResponse, nanochatCompletion } from "../../lib/serve/nanochat/chat_completion.ts";
import { BusyError } from "../../lib/serve/service.ts";
import { eventsOf, say, saying, tokenizer, toolUse } from "./fake_service.ts";

const { signal } = new AbortController();
const user = (content: unknown) => ({ role: "user", content });

Deno.test("nanochat's clients get pieces of text and a last word", async () => {
  const { desk, service } = saying([...toolUse("6*7", "42"), ...say(" it is 🙂")]);
  const body = { messages: [user("6*7?")], temperature: 0, top_k: 0, max_tokens: 30 };
  const events = await eventsOf(nanochatCompletion(body, service, signal));
  assertEquals(events.pop(), { done: true });
  assertEquals(events.every(({ gpu }) => gpu === 0), true);
  assertEquals(events.map(({ token }) => token).join(""), "[6*7 = 42] it is 🙂");
  const { prompt, options: { temperature, topK, maxTokens } } = desk.wanted[0];
  assertEquals([temperature, topK, maxTokens], [0, 0, 30]);
  assertEquals(
    tokenizer.decode(prompt),
    "<|bos|><|user_start|>6*7?<|user_end|><|assistant_start|>",
  );
});

Deno.test("nanochat's limits hold, and are told in its form", async () => {
  const { desk, service } = saying(say("a"));
  const long = "x".repeat(8000);
  const turns = [user(long), { role: "assistant", content: long }];
  const wrong: [unknown, string][] = [
    [null, "JSON object"],
    [{}, "messages"],
    [{ messages: [] }, "messages"],
    [{ messages: Array(501).fill(user("a")) }, "1 to 500 messages"],
    [{ messages: [user("")] }, "messages[0].content"],
    [{ messages: [user(long + "x")] }, "8000 characters"],
    [{ messages: [...turns, ...turns, user("x")] }, "32001 characters"],
    [{ messages: [{ role: "system", content: "a" }, user("a")] }, "messages[0].role"],
    [{ messages: [user("a")], temperature: 2.1 }, "temperature"],
    [{ messages: [user("a")], top_k: 201 }, "top_k"],
    [{ messages: [user("a")], max_tokens: 4097 }, "max_tokens"],
    [{ messages: [user("word ".repeat(300))] }, "context"],
  ];
  for (const [body, words] of wrong) {
    const error = assertThrows(() => nanochatCompletion(body, service, signal), ApiError, words);
    const response = detailResponse(error);
    assertEquals([response.status, await response.json()], [400, { detail: error.message }]);
  }
  assertEquals(desk.wanted, []);
  assertEquals(detailResponse(new BusyError(3)).headers.get("retry-after"), "3");
});

Deno.test("nanochat's stream tells of an error, and a client that leaves frees its place", async () => {
  const failing = saying([5, new Error("secret")]);
  const events = await eventsOf(
    nanochatCompletion({ messages: [user("a")] }, failing.service, signal),
  );
  assertEquals(Object.keys(events.at(-1)), ["detail"]);
  assertEquals(JSON.stringify(events).includes("secret"), false);

  const { desk, service } = saying(Array(50).fill(5));
  const reader = nanochatCompletion({ messages: [user("a")] }, service, signal).body!.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals(desk.signal.aborted, true);
});
