/** A record of any form is the conversation of its messages, or is refused with what it has. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { conversationOf, type FormOptions, parseKeyMap } from "../../lib/tasks/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";

const tokenizer = await Tokenizer.load(new DiskFolder("data/base/tokenizer"));
const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown, more = {}) => ({ role: "assistant", content, ...more });
const HI = [user("hi"), assistant("hello")];
const CALL = (name: string, args: unknown, id?: string) => ({
  id,
  type: "function",
  function: { name, arguments: args },
});

/** A record, what it is as messages, and how it is read. */
const FORMS: [name: string, record: unknown, messages: unknown[], how?: FormOptions][] = [
  ["messages", { messages: HI }, HI],
  ["a list", HI, HI],
  ["ShareGPT", {
    conversations: [{ from: "human", value: "hi" }, { from: "gpt", value: "hello" }],
  }, HI],
  ["ShareGPT by itself", [{ from: "human", value: "hi" }, { from: "gpt", value: "hello" }], HI],
  ["conversations with roles", { conversations: HI }, HI],
  ["one conversation", { conversation: HI }, HI],
  ["ShareGPT with a system text beside", {
    system: "Be kind.",
    conversations: [{ from: "user", value: "hi" }, { from: "assistant", value: "hello" }],
  }, [{ role: "system", content: "Be kind." }, ...HI]],
  ["ShareGPT with a system message", {
    conversations: [
      { from: "system", value: "Be kind." },
      { from: "human", value: "hi" },
      { from: "gpt", value: "hello" },
    ],
  }, [{ role: "system", content: "Be kind." }, ...HI]],
  ["bytes that nobody reads", { messages: HI, digest: Uint8Array.of(0xff), id: "1" }, HI],
  ["Alpaca", { instruction: "hi", input: "", output: "hello" }, HI],
  ["Alpaca with input", { instruction: "Translate:", input: "hi", output: "salut" }, [
    user("Translate:\n\nhi"),
    assistant("salut"),
  ]],
  ["Alpaca with history and system", {
    instruction: "And then?",
    output: "Nothing.",
    system: "Be short.",
    history: [["hi", "hello"]],
  }, [{ role: "system", content: "Be short." }, ...HI, user("And then?"), assistant("Nothing.")]],
  ["prompt and completion", { prompt: "hi", completion: "hello" }, HI],
  ["prompt and completion as messages", { prompt: [HI[0]], completion: [HI[1]] }, HI],
  ["prompt and response", { prompt: "hi", response: "hello" }, HI],
  ["question and answer", { question: "hi", answer: "hello" }, HI],
  ["question and response with a system prompt", {
    id: "flan.1",
    system_prompt: "You are an assistant.",
    question: "hi",
    response: "hello",
  }, [{ role: "system", content: "You are an assistant." }, ...HI]],
  ["instruction and response", { instruction: "hi", context: "", response: "hello" }, HI],
  ["a system message beside", { system_message: "Be kind.", messages: HI }, [
    { role: "system", content: "Be kind." },
    ...HI,
  ]],
  ["messages beside a preference they are of", {
    messages: HI,
    chosen: HI,
    rejected: [HI[0], assistant("no")],
  }, HI],
  ["a table's empty cells", { prompt: "", completion: "", question: "hi", answer: "hello" }, HI],
  ["a table's capital letters", { ID: 7, Question: "hi", Answer: "hello" }, HI],
  ["a table's JSON", { messages: JSON.stringify(HI) }, HI],
  ["text parts", {
    messages: [
      user([{ type: "text", text: "h" }, { type: "input_text", text: "i" }]),
      assistant([{ type: "output_text", text: "hello", annotations: [] }]),
    ],
  }, HI],
  ["developer", { messages: [{ role: "developer", content: "Be kind." }, ...HI] }, [
    { role: "system", content: "Be kind." },
    ...HI,
  ]],
  ["Human and GPT", [{ from: "Human", value: "hi" }, { from: "GPT", value: "hello" }], HI],
  [
    "messages beside what they were made of",
    { prompt: "hi", completion: "hello", messages: HI },
    HI,
  ],
  ["a pair beside no messages", { messages: [], prompt: "hi", completion: "hello" }, HI],
  ["a pair beside one without answer", {
    prompt: "x",
    completion: "",
    question: "hi",
    answer: "hello",
  }, HI],
  ["a pair with history", { query: "And?", response: "So.", history: [["hi", "hello"]] }, [
    ...HI,
    user("And?"),
    assistant("So."),
  ]],
  ["columns of two forms", [{ role: null, content: null, from: "human", value: "hi" }, HI[1]], HI],
  ["names that are exchanged", { question: "hello", answer: "hi" }, HI, {
    map: parseKeyMap("question=answer,answer=question"),
  }],
  ["a name that is another's", { instruction: "Translate:", context: "hi", output: "salut" }, [
    user("Translate:\n\nhi"),
    assistant("salut"),
  ], { map: parseKeyMap("input=context") }],
  [
    "other keys",
    { dialog: [{ speaker: "Customer", says: "hi" }, { speaker: "Agent", says: "hello" }] },
    HI,
    {
      map: parseKeyMap("messages=dialog,role=speaker,content=says,user=Customer,assistant=Agent"),
    },
  ],
  ["other keys of a pair", { q: "hi", a: "hello" }, HI, {
    map: parseKeyMap("question=q, answer=a"),
  }],
  [
    "neighbours that are joined",
    {
      messages: [user("h"), user("i"), assistant("hel"), assistant("lo")],
    },
    [user("h\n\ni"), assistant("hel\n\nlo")],
    { merge: true },
  ],
  ["a calculator", {
    messages: [
      user("What is 12*7?"),
      assistant(null, { tool_calls: [CALL("calculator", '{"expression":"12*7"}', "1")] }),
      { role: "tool", tool_call_id: "1", content: "84" },
      assistant("It is 84."),
    ],
    tools: [{ type: "function", function: { name: "calculator", parameters: {} } }],
  }, [
    user("What is 12*7?"),
    assistant([
      { type: "python", text: "12*7" },
      { type: "python_output", text: "84" },
      { type: "text", text: "It is 84." },
    ]),
  ]],
  ["two calls by their ids", {
    messages: [
      user("Both?"),
      assistant("Let me see.", {
        tool_calls: [CALL("python", { code: "1+1" }, "a"), CALL("python", { code: "2+2" }, "b")],
      }),
      { role: "tool", tool_call_id: "b", content: "4" },
      { role: "tool", tool_call_id: "a", content: "2" },
      assistant("2 and 4."),
    ],
  }, [
    user("Both?"),
    assistant([
      { type: "text", text: "Let me see." },
      { type: "python", text: "1+1" },
      { type: "python_output", text: "2" },
      { type: "python", text: "2+2" },
      { type: "python_output", text: "4" },
      { type: "text", text: "2 and 4." },
    ]),
  ]],
  ["an older call", {
    messages: [
      user("12*7?"),
      assistant(null, { function_call: { name: "calculator", arguments: "12*7" } }),
      { role: "function", name: "calculator", content: "84" },
      assistant("84"),
    ],
  }, [
    user("12*7?"),
    assistant([
      { type: "python", text: "12*7" },
      { type: "python_output", text: "84" },
      { type: "text", text: "84" },
    ]),
  ]],
  ["ShareGPT's call", {
    conversations: [
      { from: "human", value: "12*7?" },
      { from: "function_call", value: '{"name":"calculator","arguments":{"expression":"12*7"}}' },
      { from: "observation", value: "84" },
      { from: "gpt", value: "84" },
    ],
  }, [
    user("12*7?"),
    assistant([
      { type: "python", text: "12*7" },
      { type: "python_output", text: "84" },
      { type: "text", text: "84" },
    ]),
  ]],
];

Deno.test("a record of any form has the tokens and the mask of its messages", () => {
  for (const [name, record, messages, how] of FORMS) {
    const found = conversationOf(record, how);
    const expected = tokenizer.renderConversation({ messages: messages as [] });
    assertEquals(tokenizer.renderConversation(found), expected, name);
  }
});

/** Which tokens are trained on, as text. */
function trained(record: unknown, how?: FormOptions): string {
  const { ids, mask } = tokenizer.renderConversation(conversationOf(record, how));
  return tokenizer.decode(ids.filter((_, i) => mask[i] === 1));
}

Deno.test("a message of no weight is read and not trained on, nor is its end", () => {
  const four = (first: object, second: object = {}) => [
    user("a"),
    assistant("WRONG", first),
    user("c"),
    assistant("GOOD", second),
  ];
  const both = "WRONG<|assistant_end|>GOOD<|assistant_end|>", one = "GOOD<|assistant_end|>";
  assertEquals(trained(four({})), both);
  assertEquals(trained(four({ weight: 1 }, { weight: 1 })), both);
  for (const key of ["weight", "train", "training", "trainable", "loss"]) {
    assertEquals(trained(four({ [key]: 0 })), one, key);
    assertEquals(trained(four({ [key]: false })), one, key);
  }
  assertEquals(trained(four({}), { train: "last" }), one);
  assertEquals(trained(four({}, { weight: 0 }), { train: "last" }), "WRONG<|assistant_end|>");
  assertEquals(trained(four({ weight: 0 }, { weight: 0 })), "");
  const whole = tokenizer.renderConversation(conversationOf(four({})));
  assertEquals(tokenizer.renderConversation(conversationOf(four({ weight: 0 }))).ids, whole.ids);
  const parts = [
    user("12*7?"),
    assistant([{ type: "python", text: "12*7" }, { type: "text", text: "84" }], { weight: 0 }),
  ];
  assertEquals(trained(parts), "");
});

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
