import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ChatEvent, ChatSession, Engine } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { ScriptedDevice, tinyModel, tokenizer } from "./scripted_model.ts";

const END = tokenizer.encodeSpecial("<|assistant_end|>");

/** A chat with a model that says what `device.say` tells it, in a context of `capacity` tokens. */
async function withChat(
  capacity: number,
  run: (chat: ChatSession, device: ScriptedDevice, engine: Engine) => Promise<void>,
  maxNewTokens = 32,
): Promise<void> {
  const device = new ScriptedDevice();
  const engine = new Engine(await tinyModel(device), tokenizer, { capacity });
  await run(new ChatSession(engine, tokenizer, { maxNewTokens }), device, engine);
  engine.free();
}

async function eventsOf(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  return await Array.fromAsync(events);
}

/** The prompts that an engine is given. */
function watchPrompts(engine: Engine): string[] {
  const prompts: string[] = [];
  const generate = engine.generate.bind(engine);
  engine.generate = (given, options) => {
    prompts.push(tokenizer.decode(given[0]));
    return generate(given, options);
  };
  return prompts;
}

const say = (text: string) => [...tokenizer.encode(text), END];

Deno.test("what was said before is in the prompt", () =>
  withChat(128, async (chat, device, engine) => {
    const prompts = watchPrompts(engine);
    device.say(say("Hello!"));
    const events = await eventsOf(chat.ask("Hi"));
    assertEquals(events.map((event) => event.type === "text" && event.text).join(""), "Hello!");
    device.say([tokenizer.bosId]);
    assertEquals(await eventsOf(chat.ask("Why?")), []);
    chat.clear();
    device.say(say("Yes"));
    await eventsOf(chat.ask("Again"));
    const first = "<|bos|><|user_start|>Hi<|user_end|><|assistant_start|>";
    assertEquals(prompts, [
      first,
      `${first}Hello!<|assistant_end|><|user_start|>Why?<|user_end|><|assistant_start|>`,
      "<|bos|><|user_start|>Again<|user_end|><|assistant_start|>",
    ]);
  }));

Deno.test("the oldest turns are dropped, whole, when the context is full", () =>
  withChat(64, async (chat, device, engine) => {
    const prompts = watchPrompts(engine);
    const dropped: number[] = [];
    for (let i = 0; i < 8; i++) {
      device.say(say(`answer ${i}`));
      for await (const event of chat.ask(`question ${i}`)) {
        if (event.type === "dropped") dropped.push(event.turns);
      }
    }
    const turns = (prompt: string) => [...prompt.matchAll(/question (\d)/g)].map(([, i]) => i);
    // Each turn takes 13 tokens, the beginning one, and a quarter (16) is kept free for an answer.
    assertEquals(prompts.map(turns).slice(0, 5), [
      ["0"],
      ["0", "1"],
      ["0", "1", "2"],
      ["0", "1", "2", "3"],
      ["1", "2", "3", "4"],
    ]);
    assertEquals(dropped, [1, 1, 1, 1]);
    for (const prompt of prompts) {
      assertEquals(prompt.startsWith("<|bos|><|user_start|>question"), true);
      assertEquals(
        prompt.match(/answer \d<\|assistant_end\|>/g)?.length ?? 0,
        turns(prompt).length - 1,
      );
    }
    await assertRejects(() => eventsOf(chat.ask("long ".repeat(60))), UserError, "64");
    assertEquals(chat.turns, 4);
  }, 16));

Deno.test("a conversation that has lost its beginning still has room in a context of several pages", () =>
  withChat(192, async (chat, device) => {
    for (let i = 0; i < 20; i++) {
      device.say(say(`answer ${i}`));
      const events = await eventsOf(chat.ask(`question ${i}`));
      assertEquals(events.at(-1), { type: "text", text: `${i}` });
    }
    assert(chat.turns < 20);
  }, 64));

Deno.test("an answer that is cut off or broken off is remembered as far as it went", () =>
  withChat(128, async (chat, device, engine) => {
    const prompts = watchPrompts(engine);
    device.say(tokenizer.encode("one two three four five six seven eight"));
    const events = await eventsOf(chat.ask("Count"));
    assertEquals(events.map((event) => event.type), ["text", "text", "text", "text", "cut"]);

    device.say(tokenizer.encode("one two three four"));
    const controller = new AbortController();
    for await (const event of chat.ask("Again", controller.signal)) {
      if (event.type === "text" && event.text === " two") controller.abort();
    }
    device.say([END]);
    await eventsOf(chat.ask("So?"));
    const answers = [...prompts.at(-1)!.matchAll(/assistant_start\|>([^<]*)<\|assistant_end/g)];
    assertEquals(answers.map(([, answer]) => answer), ["one two three four", "one two"]);
  }, 4));

Deno.test("expressions and results come apart from the text", () =>
  withChat(128, async (chat, device) => {
    const special = tokenizer.encodeSpecial.bind(tokenizer);
    const call = [
      special("<|python_start|>"),
      ...tokenizer.encode("6*7"),
      special("<|python_end|>"),
    ];
    const result = Array(2 + tokenizer.encode("42").length).fill(0);
    device.say([...tokenizer.encode("It is "), ...call, ...result, ...say("42.")]);
    const text = { text: "", python: "", python_output: "", dropped: "", cut: "" };
    for await (const event of chat.ask("6*7?")) {
      if ("text" in event) text[event.type] += event.text;
    }
    assertEquals(text, {
      text: "It is 42.",
      python: "6*7",
      python_output: "42",
      dropped: "",
      cut: "",
    });
  }));

Deno.test("a character split over tokens comes whole", () =>
  withChat(128, async (chat, device) => {
    const ids = tokenizer.encode("🙂 日本");
    device.say([...ids, END]);
    const events = await eventsOf(chat.ask("?"));
    assertEquals(events.map((event) => "text" in event && event.text).join(""), "🙂 日本");
    assertEquals(events.length < ids.length, true);
    // Cut off in the middle of a character.
    device.say([...ids.slice(0, 2), END]);
    assertEquals(await eventsOf(chat.ask("?")), [{ type: "text", text: "\ufffd" }]);
  }));

Deno.test("a question that is refused leaves the conversation as it was", () =>
  withChat(128, async (chat, device, engine) => {
    const prompts = watchPrompts(engine);
    device.say(say("Hello!"));
    const first = chat.ask("Hi");
    await first.next();
    await assertRejects(() => eventsOf(chat.ask("Meanwhile?")), UserError, "generating already");
    await eventsOf(first);
    device.say(say("Yes"));
    await eventsOf(chat.ask("Still there?"));
    assertEquals(
      prompts.at(-1),
      "<|bos|><|user_start|>Hi<|user_end|><|assistant_start|>Hello!<|assistant_end|>" +
        "<|user_start|>Still there?<|user_end|><|assistant_start|>",
    );
    assertEquals(chat.turns, 2);
  }));
