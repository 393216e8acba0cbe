import { assertEquals } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { type Portrait, printPortraits, Showcase } from "../../lib/sft/showcase.ts";
import { EmbeddedSource } from "../../lib/tasks/mod.ts";
import { attempt, findModel } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";

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

Deno.test("where one rank cannot ask the model, none goes on to measure it", async () => {
  const baseDir = await smallBaseDir();
  const device = await createCpuDevice({ threads: 1 });
  const warnings = await onRanks(2, async (ranks) => {
    const console = new MemoryTerminal(), { terminal } = console;
    const { signal } = new AbortController();
    const io = { terminal, signal, ranks, baseDir, env: () => undefined, now: () => 0 };
    const options = { recipe: "may2026", chatcoreMaxCat: 1, chatcoreMaxSample: 1 } as const;
    await using showcase = await Showcase.open(new EmbeddedSource(), options, io);
    const opened = await (await findModel(baseDir, { source: "base" })).load(device);
    if (ranks.rank === 1) {
      opened.tokenizer.encode = () => {
        throw new UserError("no room");
      };
    }
    await attempt("the demonstration", io, async () => void await showcase.portray(opened));
    await ranks.barrier();
    return console.stderr.trimEnd();
  });
  const line = "warning: the demonstration could not be measured, and the run goes on: ";
  assertEquals(warnings, [`${line}rank 1: no room`, `${line}no room`]);
  await device.close();
  await Deno.remove(baseDir, { recursive: true });
});
