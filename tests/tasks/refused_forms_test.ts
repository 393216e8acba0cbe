/** What is no conversation is refused with what it has, and with what would mend it. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { conversationOf, type FormOptions, parseKeyMap } from "../../lib/tasks/mod.ts";
import { assistant, CALL, HI, user } from "./messages.ts";

const REFUSED: [record: unknown, message: string, how?: FormOptions][] = [
  [{ a: 1, b: 2 }, 'has the keys "a", "b"; expected "messages" or "conversations", "instruction"'],
  [{ chosen: HI, rejected: HI }, "a preference between two answers is no conversation"],
  [{ text: "hello" }, "a text by itself has nobody who asks or answers"],
  [{ completion: "hello" }, '"completion" by itself answers nothing; expected'],
  [{ prompt: "hi", answer: "hello" }, 'has the keys "prompt", "answer"; expected'],
  [user("hi"), "a message by itself is no conversation"],
  [{ conversations: HI, kto_tag: false }, 'has the key "kto_tag" beside conversations'],
  [{ messages: HI, label: true }, 'has the key "label" beside messages'],
  [{ instruction: "hi", output: "a", kto_tag: true }, 'has the key "kto_tag" beside Alpaca'],
  [{ messages: HI, history: [["a", "b"]] }, 'has the key "history" beside messages'],
  [
    { messages: [...HI, user("c")], chosen: assistant("d"), rejected: assistant("e") },
    "a preference between two answers is no conversation",
  ],
  [{ messages: [user("c")], chosen: [HI[1]], rejected: [HI[1]] }, "a preference between two"],
  [
    { messages: [...HI, user("c")], completion: "d" },
    'has the key "completion" beside messages that end with the user',
  ],
  [
    { system: "a", system_prompt: "b", question: "hi", answer: "hello" },
    'has both "system" and "system_prompt"; keep one',
  ],
  [{ question: "hi", answer: ["a", "b"] }, 'has "answer" that is a list; text was expected'],
  [
    { instruction: "hi", context: "x", response: "a" },
    'has the key "context" beside instruction and response',
  ],
  [{ messages: HI, conversations: HI }, "could be messages or conversations"],
  [
    { prompt: "hi", completion: "a", response: "b" },
    "prompt and completion or prompt and response",
  ],
  [
    { question: "hi", context: "x", answer: "a" },
    'has the key "context" beside question and answer',
  ],
  [{ Question: "hi", Context: "x", Answer: "a" }, 'has the key "context" beside question and'],
  [{ Question: "hi", question: "ho", Answer: "a" }, 'has the keys "Question", "question"'],
  [{ question: "hi", options: ["x"], answer: "a" }, 'has the key "options" beside'],
  [{ prompt: "hi", completion: "hello", label: false }, 'has the key "label" beside'],
  [{ prompt: "hi", response: "a", chosen: "a", rejected: "b" }, 'has the key "chosen" beside'],
  [{ prompt: "hi", response: "a", thinking: "hm" }, 'has the key "thinking" beside its messages'],
  [{ messages: "[{'role': 'user'}]" }, 'has "messages" that is no JSON: Expected'],
  [{ messages: HI, tools: "nope" }, 'has "tools" that is no JSON: Unexpected'],
  [
    { prompt: "hi", completion: Uint8Array.of(0xff) },
    'has "completion" that is bytes that are no text in UTF-8; text was expected',
  ],
  [{ messages: [user(Uint8Array.of(0xff)), HI[1]] }, "it is bytes that are no text in UTF-8"],
  [{ messages: [HI[0], assistant(Uint8Array.of(0xff))] }, "message 2 (assistant) has neither text"],
  [{ messages: HI, image: Uint8Array.of(0xff) }, 'has the key "image" beside its messages'],
  [{ prompt: 5, completion: "hello" }, 'has "prompt" that is a number; text was expected'],
  [{ messages: "hi" }, 'has "messages" that is a string; a list of messages was expected'],
  [{ messages: [] }, 'a conversation needs a message from "user"'],
  [{ messages: [user("hi")] }, 'needs a message from "assistant"'],
  [{ messages: [assistant("hello"), user("hi")] }, 'message 1 is from "assistant" and should be'],
  [
    { messages: [user("hi"), user("there"), assistant("hello")] },
    'message 2 is from "user" and should be from "assistant": after an optional',
  ],
  [
    { messages: [...HI, { role: "system", content: "x" }, user("y"), assistant("z")] },
    'message 3 is from "system" and should be from "user"',
  ],
  [
    { system: "a", messages: [{ role: "system", content: "b" }, ...HI] },
    'message 1 is from "system"',
  ],
  [
    { messages: [{ role: "expert", content: "x" }] },
    'message 1 is from "expert"; who may speak is',
  ],
  [{ messages: ["hi"] }, "message 1 is a string"],
  [
    { messages: [{ text: "hi" }] },
    'message 1 has the key "text" and says not who speaks; expected "role" and "content"',
  ],
  [
    {
      messages: [
        user("hi"),
        assistant(null, {
          tool_calls: [CALL("python", "1")],
          function_call: { name: "python", arguments: "2" },
        }),
      ],
    },
    "message 2 (assistant) has both tool_calls and function_call; keep one",
  ],
  [
    {
      messages: [user("hi"), {
        from: "function_call",
        value: '{"name":"python","arguments":"1"}',
        tool_calls: [CALL("python", "2")],
      }],
    },
    'message 2 (function_call) has the key "tool_calls", which is not read',
  ],
  [{ system: "a", messages: [user(1), HI[1]] }, "message 1 (user) has no text"],
  [
    { messages: [{ role: "user", content: "hi", weight: 1 }, HI[1]] },
    "only what the assistant says",
  ],
  [
    { messages: [user([{ type: "image_url", image_url: {} }]), HI[1]] },
    'message 1 (user) has "image_url" as part 1; only text is read',
  ],
  [
    { messages: [user("hi"), assistant("x", { weight: 0.5 })] },
    'has "weight" 0.5; it may be 0 or 1',
  ],
  [
    { messages: [user("hi"), assistant("x", { weight: 0, train: true })] },
    "says both that it is trained on and that it is not",
  ],
  [
    { messages: [user("hi"), assistant("x", { reasoning_content: "hm" })] },
    'message 2 (assistant) has the key "reasoning_content", which is not read',
  ],
  [
    { messages: [user("hi"), assistant("", { tool_calls: [CALL("weather", "{}")] })] },
    'message 2 (assistant) has in "tool_calls" the function "weather"; only a calculator',
  ],
  [
    { messages: [user("hi"), assistant("", { function_call: { name: "weather" } })] },
    'message 2 (assistant) has in "function_call" the function "weather"; only a calculator',
  ],
  [
    { conversations: [HI[0], { from: "function_call", value: '{"name":"weather"}' }] },
    'message 2 (assistant) has in "value" the function "weather"; only a calculator',
  ],
  [
    { messages: [user("hi"), assistant("", { tool_calls: [CALL("python", '{"code":"1"}')] })] },
    "message 2 (assistant) has 1 call and 0 results after it",
  ],
  [
    {
      messages: [
        user("hi"),
        assistant("", { tool_calls: [CALL("python", '{"code":"1"}', "a")] }),
        { role: "tool", tool_call_id: "b", content: "1" },
        assistant("1"),
      ],
    },
    'message 2 (assistant) has the call "a" without a result',
  ],
  [
    {
      messages: [
        user("hi"),
        assistant("", { tool_calls: [CALL("python", '{"code":"1"}')] }),
        { role: "tool", content: "1" },
      ],
    },
    "message 3 (tool) is not followed by what the assistant says then",
  ],
  [
    {
      messages: [
        user("hi"),
        assistant("", {
          tool_calls: [CALL("python", '{"code":"1"}', "a"), CALL("python", '{"code":"2"}', "a")],
        }),
        { role: "tool", tool_call_id: "a", content: "1" },
        { role: "tool", tool_call_id: "a", content: "2" },
        assistant("1"),
      ],
    },
    "message 2 (assistant) has two calls of one id",
  ],
  [
    {
      messages: [
        user("hi"),
        assistant("", { function_call: { name: "python", arguments: "1" } }),
        { role: "function", name: "weather", content: "1" },
        assistant("1"),
      ],
    },
    'message 3 (tool) is a result of "weather", but "python" was called',
  ],
  [
    { messages: [user("hi"), { role: "tool", content: "1" }, assistant("1")] },
    "message 2 (tool) is a result that nothing called for",
  ],
  [
    { messages: HI, tools: [{ name: "x" }] },
    'has "x" among its "tools"; only a calculator and Python',
  ],
  [
    { messages: [user("a"), assistant("b"), assistant("c", { weight: 0 })] },
    "message 3 (assistant) has another weight than the one it would be joined to",
    { merge: true },
  ],
];

Deno.test("what is no conversation is refused with what it has", () => {
  for (const [record, message, how] of REFUSED) {
    const error = assertThrows(() => conversationOf(record, how), UserError);
    assertStringIncludes(error.message, message);
  }
});

Deno.test("only what other names or joining may mend is advised to be", () => {
  const remedies: [record: unknown, remedy?: "map" | "merge"][] = [
    [{ a: 1 }, "map"],
    [{ messages: [{ role: "expert", content: "x" }] }, "map"],
    [{ messages: [{ text: "x" }] }, "map"],
    [{ messages: [user("hi"), user("there"), HI[1]] }, "merge"],
    [{ chosen: "a", rejected: "b" }],
    [{ text: "a" }],
    [{ messages: HI, conversations: HI }],
    [null],
    [7],
    [[7]],
  ];
  for (const [record, remedy] of remedies) {
    const { detail } = assertThrows(() => conversationOf(record), UserError);
    assertEquals(detail, remedy && { kind: "ownData", remedy });
  }
});

Deno.test("names of keys are pairs, and each is there", () => {
  for (const wrong of ["", "messages", "messages=", "speech=dialog", "role=a,role=b"]) {
    assertThrows(() => parseKeyMap(wrong), UserError, "dataMap must be");
  }
  const map = parseKeyMap("messages=dialog,weight=importance,user=Customer,system=Boss");
  conversationOf({ dialog: HI }, { map });
  assertThrows(() => map.checkSeen(), UserError, 'no record of own data has the key "importance"');
});
