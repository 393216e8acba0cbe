import { assert, assertEquals, assertMatch } from "@std/assert";
import { type AppOptions, createApp } from "../../lib/serve/app.ts";
import { EngineDesk } from "../../lib/serve/desk.ts";
import { Reception } from "../../lib/serve/reception.ts";
import type { Service } from "../../lib/serve/service.ts";
import { NOW, tokenizer } from "./fake_service.ts";
import { ScriptedEngine } from "./scripted_engine.ts";

const DEFAULTS = { temperature: 0, topK: 0, topP: 1, minP: 0, maxNewTokens: 8 };

/** An app with a model that says again what it is asked. */
function appOf(options: Partial<AppOptions> = {}) {
  const errors: unknown[] = [], engine = new ScriptedEngine();
  const now = () => 1000, onError = (error: unknown) => errors.push(error);
  const desk = new EngineDesk(engine, { queue: 1, now, onError });
  const service: Service = { id: "d2", created: 1, tokenizer, defaults: DEFAULTS, desk };
  const reception = new Reception(now);
  const app = createApp(reception, { host: "127.0.0.1", date: () => NOW, onError, ...options });
  const ask = (path: string, init: RequestInit = {}) => {
    const headers = { host: "localhost:8000", ...init.headers };
    return app(new Request(`http://localhost:8000${path}`, { ...init, headers }));
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(path, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  const open = () => reception.open({ service, desk, device: "a CPU" });
  return { ask, post, open, reception, desk, engine, errors };
}

/** An app that is open. */
function openApp(options: Partial<AppOptions> = {}) {
  const app = appOf(options);
  app.open();
  return app;
}

const CHAT = { model: "d2", messages: [{ role: "user", content: "Hi" }] };
const COMPLETION = { model: "d2", prompt: [5, 6, 7] };

Deno.test("until the model is there, health and everything else say so with 503", async () => {
  const { ask, post, open, reception } = appOf();
  const before = await ask("/health");
  assertEquals([before.status, await before.json()], [503, { status: "loading", ready: false }]);
  for (const response of [await ask("/v1/models"), await post("/v1/chat/completions", CHAT)]) {
    assertEquals([response.status, response.headers.get("retry-after")], [503, "2"]);
    assertEquals((await response.json()).error.message, "the model is being loaded");
  }
  assertEquals((await ask("/")).status, 200);
  open();
  assertEquals((await ask("/health")).status, 200);
  assertEquals((await ask("/v1/models")).status, 200);
  reception.close("ending");
  assertEquals((await ask("/health")).status, 503);
  assertEquals((await post("/v1/completions", COMPLETION)).status, 503);
});

Deno.test("each form of request gets its own form of answer", async () => {
  const { ask, post } = openApp();
  const chat = await post("/v1/chat/completions", CHAT);
  assertEquals([chat.status, (await chat.json()).object], [200, "chat.completion"]);
  const completion = await (await post("/v1/completions", COMPLETION)).json();
  assertEquals(completion.choices[0].text, tokenizer.decode([5, 6])); // the last ends the turn
  const former = await post("/chat/completions", { messages: CHAT.messages });
  assertMatch(await former.text(), /data: \{"done":true\}\n\n$/);
  assertEquals((await (await ask("/v1/models")).json()).data[0].id, "d2");
  assertEquals((await (await ask("/v1/models/d2")).json()).id, "d2");
  assertEquals((await ask("/v1/models/other")).status, 404);
  const stats = await (await ask("/stats")).json();
  assertEquals([stats.total_workers, stats.available_workers, stats.busy_workers], [1, 1, 0]);
  assertEquals([stats.answers.ended, stats.tokens.generated >= 3], [3, true]);
});

Deno.test("what is wrong with a request is told in its own form", async () => {
  const { ask, post, errors } = openApp();
  const wrong = await post("/v1/chat/completions", "{");
  assertEquals([wrong.status, (await wrong.json()).error.code], [400, "invalid_json"]);
  const former = await post("/chat/completions", { messages: [] });
  assertEquals([former.status, Object.keys(await former.json())], [400, ["detail"]]);
  const missing = await ask("/v1/embeddings", { method: "POST", body: "{}" });
  assertEquals([missing.status, (await missing.json()).error.param], [404, null]);
  for (const path of ["//", "/../etc/passwd", "/%2e%2e/deno.json", "/v1/%00", "/v1//models"]) {
    assertEquals((await ask(path)).status, 404, path);
  }
  assertEquals(errors, []);
});

Deno.test("another method is told which one is meant, and no page of elsewhere is let in", async () => {
  const { ask, post } = openApp();
  for (
    const [path, method, allow] of [
      ["/v1/models", "POST", "GET, HEAD"],
      ["/health", "DELETE", "GET, HEAD"],
      ["/v1/chat/completions", "GET", "POST"],
      ["/v1/completions", "OPTIONS", "POST"],
    ]
  ) {
    const response = await ask(path, { method });
    assertEquals([response.status, response.headers.get("allow")], [405, allow], path);
    assertEquals(response.headers.get("access-control-allow-origin"), null);
  }
  const head = await ask("/health", { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  const elsewhere = { origin: "http://evil.example" };
  assertEquals((await post("/v1/completions", COMPLETION, elsewhere)).status, 403);
  assertEquals((await ask("/", { headers: { host: "evil.example" } })).status, 403);
});

Deno.test("with a key, only the page and health are for everybody", async () => {
  const { ask, post } = openApp({ apiKey: "k" });
  assertEquals([(await ask("/")).status, (await ask("/health")).status], [200, 200]);
  for (const path of ["/v1/models", "/stats", "/no-such-thing"]) {
    assertEquals((await ask(path)).status, 401, path);
  }
  assertEquals((await post("/v1/completions", COMPLETION)).status, 401);
  const authorization = "Bearer k";
  assertEquals((await post("/v1/completions", COMPLETION, { authorization })).status, 200);
});

Deno.test("every response tells browsers to load nothing from elsewhere", async () => {
  const { ask } = openApp();
  for (const path of ["/", "/v1/models", "/no-such-thing"]) {
    const { headers } = await ask(path);
    assert(headers.get("content-security-policy")!.startsWith("default-src 'none'; "), path);
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
  }
});

Deno.test("too many are told when to come again", async () => {
  const { post, engine } = openApp();
  const gate = Promise.withResolvers<void>();
  engine.gate = () => gate.promise;
  const first = post("/v1/completions", { ...COMPLETION, n: 3 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const refused = await post("/v1/completions", COMPLETION);
  assertEquals([refused.status, refused.headers.get("retry-after")], [429, "1"]);
  gate.resolve();
  assertEquals((await (await first).json()).choices.length, 3);
});

Deno.test("a fault of the server is told to its log, and not to the client", async () => {
  const { post, engine, errors } = openApp();
  const fault = new TypeError("a secret");
  engine.add = () => {
    throw fault;
  };
  const response = await post("/v1/completions", COMPLETION);
  assertEquals(response.status, 500);
  assert(!(await response.text()).includes("secret"));
  assertEquals(errors, [fault]);
});
