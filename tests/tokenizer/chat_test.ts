import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import type { Conversation } from "../../lib/conversation.ts";
import { UserError } from "../../lib/errors.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { readReferenceRows, TOKENIZER_DIRECTORY } from "./reference.ts";

const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
const user = { role: "user" as const, content: "Hi" };
const assistant = { role: "assistant" as const, content: "Hello" };

Deno.test("renders every reference conversation: ids, mask and completion prompt", async () => {
  const { conversations } = await readReferenceRows();
  assertEquals(conversations.length, 60);
  for (const row of conversations) {
    const name = `${row.task} ${row.index}`;
    assertEquals(
      tokenizer.renderConversation(row.conversation),
      { ids: row.ids, mask: row.mask },
      name,
    );
    if (row.completion_prompt_ids) {
      const before = structuredClone(row.conversation);
      assertEquals(
        tokenizer.renderForCompletion(row.conversation),
        row.completion_prompt_ids,
        name,
      );
      assertEquals(row.conversation, before);
    }
  }
});

Deno.test("trained on are the answer, the Python call and the end; not the tool's output", () => {
  const { ids, mask } = tokenizer.renderConversation({
    messages: [user, {
      role: "assistant",
      content: [
        { type: "text", text: "a" },
        { type: "python", text: "1" },
        { type: "python_output", text: "2" },
        { type: "text", text: "b" },
      ],
    }],
  });
  const trained = ids.filter((_, i) => mask[i] === 1);
  assertEquals(tokenizer.decode(trained), "a<|python_start|>1<|python_end|>b<|assistant_end|>");
  assertEquals(
    tokenizer.decode(ids),
    "<|bos|><|user_start|>Hi<|user_end|><|assistant_start|>a<|python_start|>1<|python_end|>" +
      "<|output_start|>2<|output_end|>b<|assistant_end|>",
  );
});

Deno.test("a system message goes before the first user turn, and nothing is changed in place", () => {
  const conversation: Conversation = {
    messages: [{ role: "system", content: "Be kind." }, user, assistant],
  };
  const before = structuredClone(conversation);
  const merged = { messages: [{ ...user, content: "Be kind.\n\nHi" }, assistant] };
  assertEquals(tokenizer.renderConversation(conversation), tokenizer.renderConversation(merged));
  assertEquals(conversation, before);
});

Deno.test("cuts at maxTokens, 2048 unless told", () => {
  const long = { messages: [user, { ...assistant, content: "word ".repeat(5000) }] };
  const { ids, mask } = tokenizer.renderConversation(long);
  assertEquals([ids.length, mask.length], [2048, 2048]);
  const short = tokenizer.renderConversation(long, 10);
  assertEquals(short, { ids: ids.slice(0, 10), mask: mask.slice(0, 10) });
});

Deno.test("a wrong conversation is refused with the number of the message", () => {
  const refused = (messages: unknown, message: string) =>
    assertThrows(
      () => tokenizer.renderConversation({ messages } as Conversation),
      UserError,
      message,
    );
  refused([], 'needs a message from "user"');
  refused(undefined, "messages are not a list");
  refused([{ role: "system", content: "x" }], 'needs a message from "user"');
  refused([assistant], 'message 1 is from "assistant" and should be from "user"');
  refused([user, user], 'message 2 is from "user" and should be from "assistant"');
  refused([user, assistant, assistant], 'message 3 is from "assistant"');
  refused(
    [{ role: "system", content: "x" }, assistant],
    'message 2 is from "assistant" and should be from "user"',
  );
  refused([user, { role: "tool", content: "x" }], 'message 2 is from "tool"');
  refused([user, null], "message 2 is from nobody");
  refused([{ role: "system", content: ["x"] }, user], "message 1 (system) has no text");
  refused([{ role: "user", content: [] }], "message 1 (user) has no text");
  const answer = (content: unknown) => [user, { role: "assistant", content }];
  refused(answer(3), "message 2 (assistant) has neither text nor");
  refused(answer([]), "message 2 (assistant) has neither text nor");
  refused(answer([{ type: "image", text: "x" }]), 'message 2 (assistant) has "image" as part 1');
  refused(answer([null]), "message 2 (assistant) has no type as part 1");
  refused(answer([{ type: "text" }]), "message 2 (assistant) has no text in part 1");
});

Deno.test("only a conversation that ends with the assistant can be completed", () => {
  assertThrows(
    () => tokenizer.renderForCompletion({ messages: [user, assistant, user] }),
    UserError,
    "must end with the assistant's message",
  );
  assertThrows(() => tokenizer.renderForCompletion({ messages: [] }), UserError, '"user"');
});

Deno.test("the view shows control characters of the text without the terminal obeying them", () => {
  const messages = [{ role: "user", content: "\x1b[2J\x07\u009b\u202e\tx\r\n" }, assistant];
  const rendered = tokenizer.renderConversation({ messages } as Conversation);
  for (const color of [true, false]) {
    const view = tokenizer.visualizeTokenization(rendered, { color });
    // deno-lint-ignore no-control-regex
    const text = view.replace(/\x1b\[(91|92|0)m/g, "").replaceAll("|", "");
    assertStringIncludes(text, "\\u001b[2J\\u0007");
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/.test(text), false);
  }
});

Deno.test("the view shows what is trained on, with and without colours", () => {
  const rendered = tokenizer.renderConversation({ messages: [user, assistant] }, 7);
  assertEquals(
    tokenizer.visualizeTokenization(rendered, { color: false }),
    "<|bos|>|<|user_start|>|H|i|<|user_end|>|<|assistant_start|>|⟦H⟧",
  );
  const colored = tokenizer.visualizeTokenization(rendered);
  assertStringIncludes(colored, "\x1b[91m<|bos|>\x1b[0m");
  assertStringIncludes(colored, "\x1b[92mH\x1b[0m");
});
