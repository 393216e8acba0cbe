/** Runs of several ranks of which one is told to stop, wherever it is. */
import { assert, assertEquals } from "@std/assert";
import { sftOptions } from "../../cli/options.ts";
import { runSft } from "../../lib/sft/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import type { RunIo } from "../../lib/training/mod.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { onRanks } from "./in_process.ts";

const OPTIONS = sftOptions({
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 1,
  totalBatchSize: 128,
  numIterations: 2,
  evalEvery: 1,
  evalTokens: 128,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
});

/** Runs on a rank, which is told to stop once it has said so many lines. */
async function run(ranks: Ranks, baseDir: string, stopAfter = Infinity) {
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
    await runSft(OPTIONS, io);
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
  return { said, isStopped: signal.aborted };
}

for (const stopped of [0, 1]) {
  Deno.test(`where rank ${stopped} is stopped while a run opens, both are`, async () => {
    const baseDir = await smallBaseDir();
    const whole = await onRanks(2, (ranks) => run(ranks, baseDir));
    // Where the last line is said, nothing is left to stop.
    const places = whole[stopped].said.slice(0, -1);
    assert(places.some((line) => line.startsWith("Training mixture")), places.join());
    for (let lines = 1; lines <= places.length; lines++) {
      const stops = await onRanks(2, (ranks) => (
        run(ranks, baseDir, ranks.rank === stopped ? lines : Infinity)
      ));
      assertEquals(stops.map(({ isStopped }) => isStopped), [true, true], places[lines - 1]);
    }
    await Deno.remove(baseDir, { recursive: true });
  });
}
