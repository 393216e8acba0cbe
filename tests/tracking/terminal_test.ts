import { assertEquals } from "@std/assert";
import { styleText } from "node:util";
import { Terminal, type TextStyle } from "../../lib/tracking/mod.ts";

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
