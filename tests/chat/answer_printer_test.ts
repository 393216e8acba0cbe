import { assertEquals } from "@std/assert";
import { AnswerPrinter } from "../../lib/chat/answer_printer.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

/** What is written of an answer with every kind of character. */
function written(isShownOnTerminal: boolean): string {
  let text = "";
  const { terminal } = new MemoryTerminal();
  const printer = new AnswerPrinter({ write: (more) => text += more, isShownOnTerminal, terminal });
  printer.show({ type: "text", text: "a\x1b" });
  printer.show({ type: "text", text: "[2J\r\n\t\x9b\u202eb" });
  printer.show({ type: "python", text: "6\x07" });
  printer.show({ type: "python_output", text: "\x1b" });
  printer.end(false);
  return text;
}

Deno.test("a model's control characters reach a terminal written out", () => {
  assertEquals(
    written(true),
    "a\\u001b[2J\\u000d\n\t\\u009b\\u202eb[6\\u0007 = \\u001b]\n",
  );
});

Deno.test("a file or a program gets the model's very text", () => {
  assertEquals(written(false), "a\x1b[2J\r\n\t\x9b\u202eb[6\x07 = \x1b]\n");
});
