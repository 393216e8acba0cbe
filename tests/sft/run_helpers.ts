/** Runs fine-tuning as the command line does, in a base directory of its own. */
import { join } from "@std/path";
import type { RunIo } from "../../lib/training/mod.ts";
import { sftOptions } from "../../cli/options.ts";
import { type Ranks, SINGLE } from "../../lib/ranks/mod.ts";
import { runSft, type SftOptions, type SftResult } from "../../lib/sft/mod.ts";
import { Terminal } from "../../lib/tracking/mod.ts";

/** A base directory in a temporary folder, with what `from` holds linked into it. */
export async function temporaryBaseDir(from: string): Promise<string> {
  const baseDir = await Deno.makeTempDir();
  for await (const { name } of Deno.readDir(from)) {
    await Deno.symlink(join(from, name), join(baseDir, name));
  }
  return baseDir;
}

/** What a run printed, measured and ended with. */
export interface WatchedRun {
  lines: string[];
  metrics: Record<string, number>[];
  result: SftResult;
}

/**
 * Runs to the end, on each of several ranks if there are, or gracefully stops it once `stopAfter` steps
 * were reported, or a line that it describes was printed.
 */
export async function watchRun(
  baseDir: string,
  given: Partial<SftOptions>,
  stopAfter: number | RegExp = Infinity,
  ranks: Ranks = SINGLE,
): Promise<WatchedRun> {
  const controller = new AbortController();
  const lines: string[] = [];
  const terminal = new Terminal({
    stdout: (text) => {
      lines.push(text.trimEnd());
      const step = Number(/^step (\d+)/.exec(text)?.[1] ?? 0);
      const isLast = typeof stopAfter === "number" ? step >= stopAfter : stopAfter.test(text);
      if (isLast) controller.abort();
    },
    stderr: (text) => void lines.push(text.trimEnd()),
    isTerminal: false,
    columns: () => 80,
    colors: false,
    quiet: false,
    now: () => performance.now(),
  });
  const io: RunIo = {
    terminal,
    signal: controller.signal,
    stop: () => controller.abort(),
    ranks,
    baseDir,
    env: () => undefined,
    now: () => performance.now(),
  };
  const result = await runSft(sftOptions(given), io);
  const text = await Deno.readTextFile(join(result.directory, "metrics.jsonl"));
  const metrics = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  return { lines, metrics, result };
}
