import { assert, assertEquals } from "@std/assert";
import { PassThrough } from "node:stream";
import { LineEditor } from "../../cli/line_editor.ts";

/** An editor on a terminal that is typed into by hand. */
class TypedTerminal {
  readonly keyboard = Object.assign(new PassThrough(), { setRawMode: () => {} });
  readonly screen = new PassThrough();
  readonly editor = new LineEditor(this.keyboard, this.screen);

  type(...keys: (string | Uint8Array)[]): void {
    for (const key of keys) this.keyboard.write(key);
  }

  /** What was shown so far. */
  shown(): string {
    return this.screen.read()?.toString() ?? "";
  }
}

const ENTER = "\r", CTRL_C = "\x03", CTRL_D = "\x04";
const paste = (text: string) => `\x1b[200~${text}\x1b[201~`;

/** The lines that keys give. */
async function linesOf(...keys: (string | Uint8Array)[]): Promise<(string | undefined)[]> {
  const terminal = new TypedTerminal();
  const lines: (string | undefined)[] = [];
  const reading = (async () => {
    for (let line; (line = await terminal.editor.readLine()) !== undefined;) lines.push(line);
  })();
  terminal.type(...keys, CTRL_D);
  await reading;
  terminal.editor.close();
  return lines;
}

Deno.test("what is pasted is one line with its newlines, however terminals write them", async () => {
  for (const newline of ["\n", "\r", "\r\n"]) {
    const pasted = paste(["one", "", "two"].join(newline));
    assertEquals(await linesOf(pasted, ENTER, "next", ENTER), ["one\n\ntwo", "next"]);
  }
  assertEquals(await linesOf("a ", paste("b\n"), "c", ENTER), ["a b\nc"]);
  assertEquals(await linesOf(`x${paste("1\r2")}y${paste("3\r4")}${ENTER}`), ["x1\n2y3\n4"]);
});

Deno.test("the marks of a paste may come in pieces", async () => {
  const bytes = new TextEncoder().encode(paste("ü\n🙂") + ENTER);
  for (let cut = 2; cut < bytes.length; cut++) {
    assertEquals(await linesOf(bytes.subarray(0, cut), bytes.subarray(cut)), ["ü\n🙂"], `${cut}`);
  }
});

Deno.test("U+2028, and what stands for a newline, are characters as others", async () => {
  const text = "a\u2028b\u2029c\u2424d";
  assertEquals(await linesOf(text, ENTER), [text]);
  assertEquals(await linesOf(paste(`${text}\n${text}`), ENTER), [`${text}\n${text}`]);
});

Deno.test("control characters that are pasted are written out, not obeyed", async () => {
  assertEquals(await linesOf(paste("a\x1b[2J\x03\x04"), ENTER), ["a\\u001b[2J\\u0003\\u0004"]);
});

Deno.test("Ctrl-C throws a paste away, keys that move still move", async () => {
  assertEquals(await linesOf(paste("a\nb"), CTRL_C, "c", ENTER), ["c"]);
  assertEquals(await linesOf("ac", "\x1b[D", "b", ENTER), ["abc"]);
});

Deno.test("the terminal is asked for marks and gets back what it was", () => {
  const terminal = new TypedTerminal();
  assert(terminal.shown().startsWith("\x1b[?2004h"));
  terminal.editor.close();
  assert(terminal.shown().endsWith("\x1b[?2004l"));
});
