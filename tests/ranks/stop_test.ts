/** Runs of several ranks of which one is told to stop, wherever it is. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { baseOptions, sftOptions } from "../../cli/options.ts";
import { runBase } from "../../lib/base/mod.ts";
import { runSft } from "../../lib/sft/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import type { RunIo } from "../../lib/training/mod.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { onRanks } from "./in_process.ts";

const COMMON = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 1,
  totalBatchSize: 128,
  numIterations: 2,
  evalEvery: 1,
  evalTokens: 128,
} as const;
const SFT = sftOptions({ ...COMMON, chatcoreEvery: -1, simpleSpellingSize: 0, spellingBeeSize: 0 });
const BASE = baseOptions({ ...COMMON, depth: 1, aspectRatio: 32, headDim: 16 });

/** Two documents. */
const TEXTS = ["README.md", "CHANGELOG.md"].map((name) =>
  join(import.meta.dirname!, "../..", name)
);

const COMMANDS: Record<string, (io: RunIo) => Promise<unknown>> = {
  sft: (io) => runSft(SFT, io),
  base: (io) => runBase(TEXTS, BASE, io),
};

/** Runs on a rank, which is told to stop once it has said so many lines. */
async function run(command: string, ranks: Ranks, baseDir: string, stopAfter = Infinity) {
  const controller = new AbortController(), { signal } = controller;
  const { terminal } = new MemoryTerminal(), said: string[] = [];
  terminal.info = (line) => {
    said.push(line);
    if (said.length === stopAfter) controller.abort();
  };
  const io: RunIo = {
    ...{ terminal, signal, ranks, baseDir, env: () => undefined, now: () => 0 },
    stop: () => controller.abort(),
  };
  try {
    await COMMANDS[command](io);
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
  return { said, isStopped: signal.aborted };
}

for (const command of Object.keys(COMMANDS)) {
  for (const stopped of [0, 1]) {
    Deno.test(`${command}: where rank ${stopped} is stopped on the way, both are`, async () => {
      const baseDir = await smallBaseDir();
      const whole = await onRanks(2, (ranks) => run(command, ranks, baseDir));
      // Where the last line is said, nothing is left to stop.
      const places = whole[stopped].said.slice(0, -1);
      assert(places.length > 1, places.join());
      for (const [i, line] of places.entries()) {
        const stops = await onRanks(2, (ranks) => (
          run(command, ranks, baseDir, ranks.rank === stopped ? i + 1 : Infinity)
        ));
        assertEquals(stops.map(({ isStopped }) => isStopped), [true, true], line);
      }
      await Deno.remove(baseDir, { recursive: true });
    });
  }
}
