/** A server with a real model, from its start to its end. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { chatOptions, serveOptions } from "../../cli/options.ts";
import { runChat } from "../../lib/chat/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { runServe, type ServeOptions } from "../../lib/serve/mod.ts";
import { MODEL, world } from "../training/small_world.ts";

/** A server that has printed where it listens; `stop` ends it. */
async function start(options: Partial<ServeOptions> = {}) {
  const { io, console, controller } = world();
  const now = () => performance.now(), date = () => Date.now();
  const running = runServe(serveOptions({ ...MODEL, port: 0, ...options }), { ...io, now, date });
  const hasFailed = running.then(() => false, () => true);
  let address: string | undefined;
  while (!(address = /http:\S+(?=\/,)/.exec(console.stdout)?.[0])) {
    if (await Promise.race([hasFailed, wait(5)])) await running;
  }
  const stop = () => {
    controller.abort();
    return running;
  };
  return { address, stop, console };
}

function wait(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), milliseconds));
}

function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal });
}

const HELLO = { model: "d2", messages: [{ role: "user", content: "Hi" }] };

Deno.test("a greedy answer of the server is chat's", async () => {
  const { address, stop, console } = await start();
  assertStringIncludes(console.stdout, "8 full contexts of 64");
  const response = await post(`${address}/v1/chat/completions`, { ...HELLO, temperature: 0 });
  const { choices: [{ message }] } = await response.json();
  let said = "";
  const chat = world();
  await runChat(chatOptions({ ...MODEL, prompt: "Hi", temperature: 0 }), {
    ...chat.io,
    write: (text) => said += text,
    isShownOnTerminal: false,
    tell: () => {},
    readLine: () => Promise.resolve(undefined),
    interruptible: (answer) => answer(new AbortController().signal),
  });
  assertEquals(message.content, said.replace(/ \(cut off here.*\n$/s, ""));
  await stop();
  await assertRejects(() => fetch(address));
});

Deno.test("a seed gives its answer alone and beside others", async () => {
  const { address, stop } = await start({ batchSize: 4 });
  const ask = async (seed: number) => {
    const response = await post(`${address}/v1/chat/completions`, {
      ...HELLO,
      seed,
      max_tokens: 20,
    });
    return (await response.json()).choices[0].message.content;
  };
  const alone = await ask(7);
  const beside = await Promise.all([1, 2, 7, 3, 4, 7].map(ask));
  assertEquals([beside[2], beside[5]], [alone, alone]);
  assert(beside[0] !== alone);
  await stop();
});

Deno.test("a client that goes away frees its place", async () => {
  const { address, stop } = await start({ batchSize: 1 });
  const leaving = new AbortController();
  const endless = { ...HELLO, stream: true, logit_bias: { "0": 100 } };
  const response = await post(`${address}/v1/chat/completions`, endless, leaving.signal);
  const reader = response.body!.getReader();
  await reader.read();
  leaving.abort();
  const stats = async () => (await (await fetch(`${address}/stats`)).json()).answers;
  for (let tries = 0; (await stats()).running > 0; tries++) {
    assert(tries < 100, "its place was not freed");
    await wait(10);
  }
  await stop();
});

Deno.test("every stream of a server that is stopped comes to an end that says why", async () => {
  const { address, stop } = await start({ batchSize: 1 });
  const answers = [1, 2].map(async () => {
    const response = await post(`${address}/v1/chat/completions`, { ...HELLO, stream: true });
    return await response.text();
  });
  while ((await (await fetch(`${address}/stats`)).json()).answers.ordered < 2) await wait(1);
  await stop();
  for (const text of await Promise.all(answers)) {
    assert(text.endsWith("data: [DONE]\n\n") || text.includes("the server is ending"), text);
  }
});

Deno.test("what is wrong is said before the server listens or loads", async () => {
  await assertRejects(() => start({ host: "0.0.0.0" }), UserError, "an API key is needed");
  await assertRejects(
    () => start({ cacheTokens: 63 }),
    UserError,
    "cacheTokens must be at least 64",
  );
  await assertRejects(() => start({ modelTag: "d99" }), UserError, "d99");
});
