/**
 * Reads damaged files, one a seed, and prints what came of each as a line of JSON: a process of its
 * own, so that one that hangs or dies is noticed. Arguments: the first seed, and how many.
 */
import { equal } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { mutate } from "./mutate.ts";
import { TARGETS } from "./mutation_targets.ts";

/** What came of a damaged file. */
export interface Outcome {
  seed: number;
  kind: string;
  /** How it was damaged. */
  ways: string[];
  /** Whether it was read; else it was refused. */
  isRead: boolean;
  /** What is wrong with that, if anything. */
  fault?: string;
  seconds: number;
  /** Bytes of memory that it took at most, where Linux tells. */
  memory: number;
}

/** Lets Linux count anew how much memory this process takes at most. */
function restartPeak(): void {
  if (Deno.build.os === "linux") Deno.writeTextFileSync("/proc/self/clear_refs", "5");
}

/** Bytes of memory at most since then. */
function peak(): number {
  if (Deno.build.os !== "linux") return 0;
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
}

/** What is wrong with an error, which should be one line that names the file. */
function faultOf(error: unknown, dir: string): string | undefined {
  if (!(error instanceof UserError)) return (error as Error)?.stack ?? String(error);
  const { message } = error;
  if (/[\p{Cc}\u2028\u2029]/u.test(message)) {
    return `control characters: ${JSON.stringify(message)}`;
  }
  if (message.length > dir.length + 1000) return `long: ${message}`;
  if (!message.includes(dir) && !message.includes("someone/things")) return `no file: ${message}`;
}

const originals = new Map<string, unknown>();

async function attempt(seed: number): Promise<Outcome> {
  const target = TARGETS[seed % TARGETS.length], { kind } = target;
  const dir = await Deno.makeTempDir();
  try {
    if (!originals.has(kind)) originals.set(kind, await target.read(target.bytes, dir));
    const { bytes, ways } = mutate(target.bytes, seed);
    restartPeak();
    const memory = peak(), start = performance.now();
    let isRead = false, fault: string | undefined;
    try {
      const value = await target.read(bytes, dir);
      isRead = true;
      if (target.isChecked && !equal(value, originals.get(kind))) fault = "read as something else";
    } catch (error) {
      fault = faultOf(error, dir);
    }
    const seconds = (performance.now() - start) / 1000;
    return { seed, kind, ways, isRead, fault, seconds, memory: peak() - memory };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

if (import.meta.main) {
  const [first, count] = Deno.args.map(Number);
  for (let seed = first; seed < first + count; seed++) {
    console.log(JSON.stringify(await attempt(seed)));
  }
}
