import { assertEquals } from "@std/assert";
import { styleText } from "node:util";
import { Terminal, type TextStyle } from "../../lib/tracking/mod.ts";
import { MemoryTerminal } from "./memory_terminal.ts";

Deno.test("styles are what Node makes of them, and nothing without colours", () => {
  const terminal = (colors: boolean) =>
    new Terminal({
      stdout: () => {},
      stderr: () => {},
      isTerminal: true,
      columns: () => 80,
      colors,
      quiet: false,
      now: () => 0,
    });
  const styles: TextStyle[] = ["bold", "dim", "red", "green", "yellow", "cyan"];
  for (const style of styles) {
    assertEquals(
      terminal(true).style(style, "text"),
      styleText(style, "text", { validateStream: false }),
    );
    assertEquals(terminal(false).style(style, "text"), "text");
  }
});

Deno.test("a line keeps its colours, and everything else a terminal would obey is written out", () => {
  const console = new MemoryTerminal({ colors: true, isTerminal: true });
  const { terminal } = console;
  const evil = "a\x1b[2J\x1b]0;title\x07\u009b5m\x7f\r\u202eb\tc\nd";
  const shown = "a\\u001b[2J\\u001b]0;title\\u0007\\u009b5m\\u007f\\u000d\\u202eb\tc\nd";
  terminal.print(terminal.style("bold", evil));
  assertEquals(console.stdout, `\x1b[1m${shown}\x1b[22m\n`);
  const message = shown.replace("\n", "\\n");
  terminal.warn(evil);
  terminal.error(`\x1b[31m${evil}`);
  assertEquals(
    console.stderr,
    `\x1b[33mwarning:\x1b[39m ${message}\n\x1b[31merror:\x1b[39m \\u001b[31m${message}\n`,
  );
  console.stderr = "";
  terminal.status("\x1b[2Jevil");
  assertEquals(console.stderr, "\r\x1b[K\\u001b[2Jevil");
});
