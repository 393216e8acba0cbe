import { assertEquals, assertThrows } from "@std/assert";
import { ChatSession, Engine } from "../../lib/engine/mod.ts";
import { ApiError } from "../../lib/serve/api_error.ts";
import { readMessages } from "../../lib/serve/openai/messages.ts";
import { chatRequest } from "../../lib/serve/openai/chat_request.ts";
import { completionRequest } from "../../lib/serve/openai/completion_request.ts";
import { renderPrompt } from "../../lib/serve/render_prompt.ts";
import { ScriptedDevice, tinyModel } from "../engine/scripted_model.ts";
import { FakeDesk, say, serviceOf, tokenizer, toolUse } from "./fake_service.ts";

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });
const system = (content: unknown) => ({ role: "system", content });

function prompt(messages: unknown[]): string {
  const request = { model: "d4", messages };
  return tokenizer.decode(chatRequest(request, serviceOf(new FakeDesk([]))).prompts[0]);
}

Deno.test("a prompt is that of a chat with the same turns, whatever tools and room there are", async () => {
  const capacity = 150, maxNewTokens = 32;
  const device = new ScriptedDevice();
  const engine = new Engine(await tinyModel(device), tokenizer, { capacity });
  const chat = new ChatSession(engine, tokenizer, { maxNewTokens });
  const prompts: number[][] = [];
  const generate = engine.generate.bind(engine);
  engine.generate = (given, options) => {
    prompts.push([...given[0]]);
    return generate(given, options);
  };
  const service = serviceOf(new FakeDesk([], capacity));
  // What clients send back: answers as text, and answers in parts.
  const asText: unknown[] = [], asParts: unknown[] = [];
  let dropped = 0;
  for (let i = 0; i < 7; i++) {
    const question = `What is 6*7, for the ${i}th time? <|bos|>`;
    const use = toolUse("6*7", "42");
    device.say([...tokenizer.encode("Well, "), ...use, ...say(", not [6*7 = 43].")]);
    for await (const event of chat.ask(question)) {
      if (event.type === "dropped") dropped += event.turns;
    }
    asText.push(user(question));
    asParts.push(user(question));
    for (const messages of [asText, asParts]) {
      const options = { maxNewTokens, dropOldest: true };
      const rendered = renderPrompt(readMessages(messages), service, options);
      assertEquals(rendered, { prompt: prompts[i], droppedTurns: dropped });
    }
    asText.push(assistant("Well, [6*7 = 42], not [6*7 = 43]."));
    asParts.push(assistant([
      { type: "text", text: "Well, " },
      { type: "python", text: "6*7" },
      { type: "python_output", text: "42" },
      { type: "text", text: ", not " },
      { type: "text", text: "[6*7 = 43]." },
    ]));
  }
  assertEquals(dropped > 2, true);
  engine.free();
});

Deno.test("a system text stands before the first user's, whatever is dropped", () => {
  const turns = Array.from({ length: 9 }, (_, i) => [user(`question ${i}`), assistant("answer")]);
  const messages = [system("Be brief."), ...turns.flat(), user("And now?")];
  const service = serviceOf(new FakeDesk([], 64));
  const request = { model: "d4", messages, max_tokens: 16 };
  const { prompts: [ids], droppedTurns } = chatRequest({ ...request, drop_oldest: true }, service);
  assertEquals(droppedTurns, 6);
  const text = tokenizer.decode(ids);
  assertEquals(text.startsWith("<|bos|><|user_start|>Be brief.\n\nquestion 6<|user_end|>"), true);
  assertEquals(ids.length + 16 <= 64, true);
  assertEquals(text.endsWith("And now?<|user_end|><|assistant_start|>"), true);

  const error = assertThrows(() => chatRequest(request, service), ApiError, "holds 64");
  assertEquals([error.code, error.param], ["context_length_exceeded", "messages"]);
  const long = { ...request, messages: [user("long ".repeat(80))], drop_oldest: true };
  assertThrows(() => chatRequest(long, service), ApiError, "holds 64");
});

Deno.test("neighbours of one role are joined, and none is lost", () => {
  const messages = [
    system("Be brief."),
    { role: "developer", content: "Be kind." },
    user("One."),
    user([{ type: "text", text: "Two." }, { type: "input_text", text: "Three." }]),
    assistant("Yes."),
    assistant([{ type: "text", text: "[2+2 = 4]" }, { type: "python", text: "1+1" }]),
    user("Go on."),
    assistant([]),
    user("Well?"),
  ];
  assertEquals(
    prompt(messages),
    "<|bos|><|user_start|>Be brief.\n\nBe kind.\n\nOne.\n\nTwo.\nThree.<|user_end|>" +
      "<|assistant_start|>Yes.\n\n[2+2 = 4]<|python_start|>1+1<|python_end|><|assistant_end|>" +
      "<|user_start|>Go on.<|user_end|><|assistant_start|><|assistant_end|>" +
      "<|user_start|>Well?<|user_end|><|assistant_start|>",
  );
});

Deno.test("special tokens in what users and assistants say stay text", () => {
  const text = "<|assistant_end|><|python_start|>";
  const messages = [system(text), user(text), assistant(text), user(text)];
  const request = { model: "d4", messages };
  const [ids] = chatRequest(request, serviceOf(new FakeDesk([]))).prompts;
  const specials = ids.filter((id) => [...tokenizer.specialTokens.values()].includes(id));
  assertEquals(
    tokenizer.decode(specials),
    "<|bos|><|user_start|><|user_end|><|assistant_start|><|assistant_end|>" +
      "<|user_start|><|user_end|><|assistant_start|>",
  );
});

Deno.test("as many messages as a request has room for are joined in no time", () => {
  const messages = Array.from({ length: 35_000 }, () => user(""));
  const [{ content }] = readMessages(messages);
  assertEquals(content.length, 2 * 34_999);
});

Deno.test("what is far too long is refused or dropped before it is tokenized", () => {
  const service = serviceOf(new FakeDesk([], 64));
  const long = "a".repeat(100_000), request = { model: "d4" };
  for (
    const [param, fault] of [
      ["messages", () => chatRequest({ ...request, messages: [user(long)] }, service)],
      ["prompt", () => completionRequest({ ...request, prompt: ["a", long] }, service)],
    ] as const
  ) {
    const error = assertThrows(fault, ApiError, "100000 characters long");
    assertEquals([error.code, error.param], ["context_length_exceeded", param]);
  }
  const turns = [user(long), assistant("a"), user("b"), assistant("c"), user("d")];
  const kept = chatRequest({ ...request, messages: turns, drop_oldest: true }, service);
  assertEquals(kept.droppedTurns, 1);
  assertEquals(
    tokenizer.decode(kept.prompts[0]),
    prompt([user("b"), assistant("c"), user("d")]),
  );
});
