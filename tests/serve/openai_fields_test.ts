import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ApiError } from "../../lib/serve/api_error.ts";
import {
  chatCompletion,
  errorResponse,
  listModels,
  retrieveModel,
  textCompletion,
} from "../../lib/serve/openai/mod.ts";
import { type Json, NOW, say, saying, tokenizer } from "./fake_service.ts";

const { signal } = new AbortController();
const user = { role: "user", content: "Hi" };

/** The error of a chat request with these fields. */
async function fault(fields: object): Promise<Json> {
  const { service, desk } = saying(say("a"));
  const body = { model: "d4", messages: [user], ...fields };
  const error = await assertRejects(
    () => chatCompletion(body, service, signal, () => NOW),
    ApiError,
    undefined,
    JSON.stringify(fields),
  );
  assertEquals(desk.wanted, []);
  const response = errorResponse(error);
  return { status: response.status, ...(await response.json()).error };
}

Deno.test("a field with a value it does not take is named", async () => {
  const all = Object.fromEntries(Array.from({ length: 1025 }, (_, token) => [token, 1]));
  const wrong: [string, ...unknown[]][] = [
    ["logit_bias", all],
    ["messages", undefined, [], "Hi", {}],
    ["temperature", -0.1, 2.1, "1", NaN, true],
    ["top_p", -0.1, 1.1, []],
    ["top_k", -1, 1.5],
    ["min_p", 1.1],
    ["seed", -1, 0.5, 2 ** 53],
    ["n", 0, 9, 1.5],
    ["max_tokens", 0, -1, "9", 1.5],
    ["max_completion_tokens", 0],
    ["presence_penalty", -2.1, 2.1],
    ["frequency_penalty", "0"],
    ["logit_bias", [], "x", { "-1": 0 }, { "1.5": 0 }, { [tokenizer.vocabSize]: 1 }, { x: 1 }],
    ["logit_bias.5", { 5: 101 }, { 5: "1" }],
    ["stop", "", 5, ["a", ""], ["a", "b", "c", "d", "e"], "x".repeat(257), [5]],
    ["stream", "true", 1],
    ["stream_options", { include_usage: true }, "x"],
    ["logprobs", 5],
    ["drop_oldest", "yes"],
  ];
  for (const [param, ...values] of wrong) {
    for (const value of values) {
      const { status, type, ...error } = await fault({ [param.split(".")[0]]: value });
      assertEquals([status, type, error.param], [400, "invalid_request_error", param]);
      assertEquals(error.message.includes(param), true, error.message);
    }
  }
  assertEquals((await fault({ logprobs: true, top_logprobs: 21 })).param, "top_logprobs");
  assertEquals((await fault({ top_logprobs: 2 })).param, "logprobs");
  assertStringIncludes((await fault(JSON.parse('{"seed":1e999}'))).message, "is Infinity");
});

Deno.test("a token that is none is told with the tokens that there are", async () => {
  const { message } = await fault({ logit_bias: { the: 1 } });
  const last = tokenizer.vocabSize - 1;
  assertEquals(message, `logit_bias has token "the", but tokens are 0 to ${last}`);
});

Deno.test("what is not supported is refused and named, unless it says nothing", async () => {
  const refused: Record<string, unknown> = {
    tools: [{ type: "function", function: { name: "f" } }],
    functions: [{ name: "f" }],
    tool_choice: "required",
    function_call: { name: "f" },
    response_format: { type: "json_schema", json_schema: {} },
    modalities: ["text", "audio"],
    audio: { voice: "x" },
    prediction: { type: "content", content: "x" },
    web_search_options: {},
  };
  for (const [param, value] of Object.entries(refused)) {
    const { status, code, ...error } = await fault({ [param]: value });
    assertEquals([status, code, error.param], [400, "unsupported_parameter", param]);
  }
  assertEquals((await fault({ response_format: { type: "json_object" } })).status, 400);
  const { service } = saying(say("a"));
  const harmless = {
    tools: [],
    functions: null,
    tool_choice: "auto",
    function_call: "none",
    response_format: { type: "text" },
    modalities: ["text"],
    metadata: { a: "b" },
    store: true,
    parallel_tool_calls: true,
  };
  const body = { model: "d4", messages: [user], ...harmless };
  assertEquals((await chatCompletion(body, service, signal, () => NOW)).status, 200);
});

Deno.test("a message that is not understood is named", async () => {
  const assistant = { role: "assistant", content: "Hello" };
  const wrong: [string, unknown[]][] = [
    ["messages[0]", ["Hi"]],
    ["messages[0].role", [{ content: "Hi" }]],
    ["messages[0].role", [{ role: "toString", content: "Hi" }]],
    ["messages[0].role", [assistant, user]],
    ["messages[1].role", [{ role: "system", content: "s" }, assistant, user]],
    ["messages[2].role", [user, assistant, { role: "system", content: "s" }, user]],
    ["messages[2].role", [user, assistant, { role: "tool", content: "42", tool_call_id: "x" }]],
    ["messages[1].tool_calls", [user, { ...assistant, tool_calls: [{ id: "x" }] }, user]],
    ["messages", [user, assistant]],
    ["messages", [{ role: "system", content: "s" }]],
    ["messages[0].content", [{ role: "user" }]],
    ["messages[0].content", [{ role: "user", content: null }]],
    ["messages[0].content", [{ role: "user", content: [] }]],
    ["messages[0].content[0]", [{ role: "user", content: ["Hi"] }]],
    ["messages[0].content[0].text", [{ role: "user", content: [{ type: "text" }] }]],
    ["messages[0].content[0].type", [{ role: "user", content: [{ type: "python", text: "1" }] }]],
    ["messages[0].content[1].type", [{
      role: "user",
      content: [{ type: "text", text: "See" }, { type: "image_url", image_url: { url: "x" } }],
    }]],
  ];
  for (const [param, messages] of wrong) {
    const { status, ...error } = await fault({ messages });
    assertEquals([status, error.param], [400, param], error.message);
  }
});

Deno.test("a body that is no object is refused", async () => {
  const { service } = saying(say("a"));
  for (const body of [null, undefined, [], "x", 5]) {
    for (const request of [chatCompletion, textCompletion]) {
      await assertRejects(() => request(body, service, signal, () => NOW), ApiError, "JSON object");
    }
  }
});

Deno.test("the model that is served is told, and no other known", async () => {
  const { service } = saying(say("a"));
  const model = {
    id: "d4",
    object: "model",
    created: 1_600_000_000,
    owned_by: "nanochat",
    max_model_len: 200,
    defaults: { temperature: 0.6, top_p: 1, top_k: 50, min_p: 0, max_tokens: 64 },
  };
  assertEquals(await listModels(service).json(), { object: "list", data: [model] });
  assertEquals(await retrieveModel("d4", service).json(), model);
  const error = assertThrows(() => retrieveModel("gpt-4", service), ApiError);
  assertEquals([error.status, error.code], [404, "model_not_found"]);
  assertEquals((await fault({ model: "gpt-4" })).status, 404);
  assertEquals((await fault({ model: undefined })).param, "model");
});
