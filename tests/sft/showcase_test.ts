import { assertEquals } from "@std/assert";
import { type Portrait, printPortraits } from "../../lib/sft/showcase.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

Deno.test("answers before and after are shown without the terminal obeying them", () => {
  const console = new MemoryTerminal({ colors: true });
  const portrait = (answer: string): Portrait => ({
    numbers: { ChatCORE: 0.5 },
    answers: [{ question: "Spell \x1b[31mbee", answer }],
  });
  printPortraits(portrait("\x1b[2J"), portrait("b\u202ee"), [2, 1], console.terminal);
  assertEquals(console.lines.slice(-3), [
    "\x1b[1mSpell \\u001b[31mbee\x1b[22m",
    "  before  \\u001b[2J",
    "  after   b\\u202ee",
  ]);
});
