import { assertEquals } from "@std/assert";
import {
  addPart,
  type Conversation,
  newConversation,
  type Part,
  requestMessages,
  textOf,
  titleOf,
} from "../../web/chat/conversation.ts";
import { eventData } from "../../web/chat/event_stream.ts";
import { parseSetting, readSampling, SAMPLING_FIELDS } from "../../web/chat/sampling.ts";

const PARTS: Part[] = [
  { type: "text", text: "It is " },
  { type: "python", text: "6*7" },
  { type: "python_output", text: "42" },
  { type: "python", text: "1/0" },
  { type: "text", text: "." },
];

function conversation(...messages: Conversation["messages"]): Conversation {
  return { ...newConversation(), messages };
}

Deno.test("an answer's text shows its tools as the command line does", () => {
  assertEquals(textOf(PARTS), "It is [6*7 = 42][1/0].");
});

Deno.test("pieces of one type become one part", () => {
  const pieces = ["It ", "is "].map((text): Part => ({ type: "text", text }));
  const parts = [...pieces, PARTS[1]].reduce(addPart, []);
  assertEquals(parts, PARTS.slice(0, 2));
});

Deno.test("the server is not told what got no answer", () => {
  const told = requestMessages({
    ...conversation(
      { role: "user", text: "lost" },
      { role: "assistant", parts: [], problem: { kind: "gone", text: "" } },
      { role: "user", text: "a" },
      { role: "assistant", parts: PARTS.slice(0, 1), end: "stopped" },
      { role: "user", text: "b" },
    ),
    system: "Be brief.",
  });
  assertEquals(told, [
    { role: "system", content: "Be brief." },
    { role: "user", content: "a" },
    { role: "assistant", content: "It is " },
    { role: "user", content: "b" },
  ]);
});

Deno.test("a conversation is called as it was named, or by its beginning", () => {
  const long = conversation({ role: "user", text: ` two\nlines${" and more".repeat(9)}` });
  assertEquals(titleOf(long), "two lines and more and more and more and more and more and…");
  assertEquals(titleOf({ ...long, title: "Lines" }), "Lines");
  assertEquals(titleOf(newConversation()), "New chat");
});

Deno.test("events are read whatever pieces their bytes come in", async () => {
  const bytes = new TextEncoder().encode(
    ': kept alive\r\n\r\ndata: {"a":"é"}\r\n\r\ndata: [DONE]\n\n',
  );
  for (const size of [1, 2, 7, bytes.length]) {
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / size) },
      (_, i) => bytes.slice(i * size, (i + 1) * size),
    );
    const read = await Array.fromAsync(eventData(ReadableStream.from(pieces)));
    assertEquals(read, ['{"a":"é"}', "[DONE]"]);
  }
});

Deno.test("a setting takes the numbers in its range alone", () => {
  const [temperature, topK] = SAMPLING_FIELDS;
  assertEquals(
    ["0", " 0.7 ", "2.1", "-1", "", "x"].map((typed) => parseSetting(temperature, typed)),
    [
      0,
      0.7,
      undefined,
      undefined,
      undefined,
      undefined,
    ],
  );
  assertEquals(parseSetting(topK, "1.5"), undefined);
  assertEquals(readSampling({ temperature: 9, top_k: 5, other: 1 }).top_k, 5);
  assertEquals(readSampling({ temperature: 9 }).temperature, undefined);
  assertEquals(readSampling(null), {});
});
