import { assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { unicodeWidth } from "@std/cli/unicode-width";
import { formatDuration, Progress } from "../../lib/tracking/mod.ts";
import { MemoryTerminal } from "./memory_terminal.ts";

Deno.test("a pipe gets a plain line every ten seconds", () => {
  const memory = new MemoryTerminal();
  const progress = new Progress(memory.terminal, { label: "Packing", total: 2900, unit: "rows" });
  for (let second = 1; second <= 25; second++) {
    memory.time = second * 1000;
    progress.update(second * 100);
  }
  progress.finish();
  assertEquals(memory.lines, [
    "Packing: 34% 1,000/2,900 rows, 100 rows/s, 0:19 left",
    "Packing: 68% 2,000/2,900 rows, 100 rows/s, 0:09 left",
  ]);
  assertEquals(memory.stderr, "");
});

Deno.test("a terminal gets a bar that is redrawn and removed, within its width", () => {
  const memory = new MemoryTerminal({ isTerminal: true, columns: () => 60 });
  const progress = new Progress(memory.terminal, {
    label: "数据",
    total: 8e6,
    unit: "B",
    start: 4e6,
  });
  progress.update(4e6);
  memory.time = 50;
  progress.update(5e6); // too soon to draw
  memory.time = 2000;
  progress.update(6e6, "mirror 2");
  memory.terminal.info("a line");
  progress.finish();
  const drawn = memory.stderr.split("\r\x1b[K");
  assertEquals(drawn[1].startsWith("数据 ━━"), true);
  assertStringIncludes(drawn[2], "75% 6.0/8.0 MB, 1.0 MB/s, 0:02 left, mirror 2");
  // The line of text goes above the bar, which is drawn again and then removed.
  assertEquals(drawn.slice(3), ["", drawn[2], ""]);
  for (const line of drawn) assertLess(unicodeWidth(line), 60);
  assertEquals(memory.lines, ["a line"]);
});

Deno.test("a job of unknown length shows its count and rate; a narrow terminal cuts the line", () => {
  const memory = new MemoryTerminal({ isTerminal: true, columns: () => 20 });
  const progress = new Progress(memory.terminal, { label: "Reading", unit: "B" });
  memory.time = 1000;
  progress.update(1_500_000);
  assertEquals(memory.stderr, "\r\x1b[KReading 1.5 MB, 1.5");
});

Deno.test("quiet shows warnings and results only, and colours are used only if on", () => {
  const memory = new MemoryTerminal({ isTerminal: true, quiet: true });
  new Progress(memory.terminal, { label: "x", total: 1, unit: "rows" }).update(1);
  memory.terminal.info("how it goes");
  memory.terminal.print("result");
  memory.terminal.warn("odd");
  memory.terminal.error("bad");
  assertEquals([memory.stdout, memory.stderr], ["result\n", "warning: odd\nerror: bad\n"]);
  const colourful = new MemoryTerminal({ colors: true });
  assertEquals(colourful.terminal.style("red", "a"), "\x1b[31ma\x1b[39m");
});

Deno.test("durations", () => {
  assertEquals([4.6, 754, 3723].map(formatDuration), ["0:05", "12:34", "1:02:03"]);
});
