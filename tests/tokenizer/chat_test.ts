import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Conversation } from "../../lib/conversation.ts";
import { UserError } from "../../lib/errors.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { readReferenceRows, TOKENIZER_DIRECTORY } from "./reference.ts";

const tokenizer = await Tokenizer.load(TOKENIZER_DIRECTORY);
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
  refused([], "no messages");
  refused(undefined, "no messages");
  refused([{ role: "system", content: "x" }], "messages[0] is a system message and no user");
  refused([assistant], 'messages[0] is from "assistant" and should be from "user"');
  refused([user, user], 'messages[1] is from "user" and should be from "assistant"');
  refused([user, assistant, assistant], 'messages[2] is from "assistant"');
  refused(
    [{ role: "system", content: "x" }, assistant],
    'messages[1] is from "assistant" and should be from "user"',
  );
  refused([user, { role: "tool", content: "x" }], 'messages[1] is from "tool"');
  refused([user, null], 'messages[1] is from "undefined"');
  refused([{ role: "system", content: ["x"] }, user], "messages[0] (system) must have a string");
  refused([{ role: "user", content: [] }], "messages[0] (user) must have a string");
  refused(
    [user, { role: "assistant", content: 3 }],
    "messages[1] (assistant) must have a string or",
  );
  const parts = (part: unknown) => [user, { role: "assistant", content: [part] }];
  refused(
    parts({ type: "image", text: "x" }),
    'messages[1] has an unknown type "image" in content[0]',
  );
  refused(parts(null), 'messages[1] has an unknown type "undefined"');
  refused(parts({ type: "text" }), 'messages[1] has no string as "text" in content[0]');
});

Deno.test("only a conversation that ends with the assistant can be completed", () => {
  assertThrows(
    () => tokenizer.renderForCompletion({ messages: [user, assistant, user] }),
    UserError,
    'messages[2] is from "user"',
  );
  assertThrows(() => tokenizer.renderForCompletion({ messages: [] }), UserError, "no messages");
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
