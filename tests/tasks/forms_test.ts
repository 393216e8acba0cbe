/** A record of any form is the conversation of its messages. */
import { assertEquals } from "@std/assert";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { conversationOf, type FormOptions, parseKeyMap } from "../../lib/tasks/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { assistant, CALL, HI, user } from "./messages.ts";

const tokenizer = await Tokenizer.load(new DiskFolder("data/base/tokenizer"));

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
