/**
 * Measures this version beside another one of the repository: both run the same benchmarks in turn,
 * in processes of their own, since a machine's speed changes from minute to minute.
 *
 *     deno run -A bench/against.ts REF [BENCH…] [--runs 5] [--base-dir DIR] [-- FLAGS…]
 *
 * REF is a commit, a branch or a tag; this version is the files as they are. A BENCH is a script
 * that takes a base directory, or a file of `deno bench`; bench/train.ts and bench/decode.ts unless
 * given. Each version runs its own, and every rate that both print is compared. The base directory
 * is that of the shipped model unless given. FLAGS, such as `--device-type webgpu`, go to the
 * scripts.
 */
import { fromFileUrl, join } from "@std/path";
import { parseArgs } from "node:util";
import { UserError } from "../lib/errors.ts";
import { placeDemo } from "../lib/sft/mod.ts";
import { compare, figuresOf, type Pair } from "./against/figures.ts";
import { shortCommit, Worktree } from "./against/worktree.ts";
import "./plain_errors.ts";

/** One of the two versions. */
interface Version {
  name: string;
  folder: string;
}

const [own, flags] = splitAt(Deno.args, "--");
const { values, positionals: [ref, ...named] } = parseArgs({
  args: own,
  allowPositionals: true,
  options: { runs: { type: "string", default: "5" }, "base-dir": { type: "string" } },
});
const runs = Number(values.runs);
if (!ref) throw new UserError("usage: deno run -A bench/against.ts REF [BENCH…] [-- FLAGS…]");
if (!(Number.isInteger(runs) && runs > 0)) {
  throw new UserError(`--runs must be a whole number from 1, not ${values.runs}`);
}
const benches = named.length > 0 ? named : ["bench/train.ts", "bench/decode.ts"];

const stop = new AbortController();
// Windows knows no SIGTERM.
const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
for (const signal of signals) Deno.addSignalListener(signal, () => stop.abort());
const temp = await Deno.makeTempDir();
try {
  await measure(ref);
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.error("stopped");
  Deno.exitCode = 130;
} finally {
  await Deno.remove(temp, { recursive: true });
}

async function measure(ref: string): Promise<void> {
  const root = fromFileUrl(new URL("..", import.meta.url));
  const commit = await shortCommit(root, ref);
  await using worktree = await Worktree.add(root, join(temp, commit), commit);
  const here: Version = { name: "this version", folder: root };
  const there: Version = { name: commit, folder: worktree.folder };
  for (const bench of benches) {
    for (const { name, folder } of [here, there]) {
      const found = await Deno.stat(join(folder, bench)).then(({ isFile }) => isFile, () => false);
      if (!found) throw new UserError(`there is no benchmark ${bench} in ${name}`);
    }
  }
  const baseDir = values["base-dir"] ?? await placeDemo(temp);

  const table = [row("", here.name, there.name, "ratio", "of the pairs")];
  for (const bench of benches) {
    const pairs: Pair[] = [];
    for (let i = 0; i < runs; i++) {
      console.log(`${bench}, pair ${i + 1} of ${runs}`);
      const run = (version: Version) => figures(version, bench, baseDir);
      // Whoever comes first may find a cooler machine.
      if (i % 2 === 0) pairs.push({ here: await run(here), there: await run(there) });
      else pairs.push({ there: await run(there), here: await run(here) });
    }
    const comparisons = compare(pairs);
    if (comparisons.length === 0) throw new UserError(`${bench} prints no rate in both versions`);
    table.push(bench);
    for (const { name, here, there, ratio, least, most } of comparisons) {
      const range = `${least.toFixed(3)} to ${most.toFixed(3)}`;
      table.push(row(`  ${name}`, here.toFixed(1), there.toFixed(1), ratio.toFixed(3), range));
    }
  }
  console.log(`\n${table.join("\n")}`);
}

/** Runs a benchmark in one version and prints its figures. */
async function figures(
  { name, folder }: Version,
  bench: string,
  baseDir: string,
): Promise<Map<string, number>> {
  const ofDeno = bench.endsWith("_bench.ts");
  const { signal } = stop;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ofDeno ? ["bench", "-A", bench] : ["run", "-A", bench, baseDir, ...flags],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal,
  }).output();
  signal.throwIfAborted();
  const text = new TextDecoder();
  if (!success) throw new UserError(`${bench} failed in ${name}: ${text.decode(stderr).trim()}`);
  const found = figuresOf(text.decode(stdout));
  const words = [...found].map(([figure, rate]) => `${figure} ${rate}`);
  console.log(`  ${name}: ${words.join("; ")}`);
  return found;
}

/** What comes before a word, and what comes after it. */
function splitAt(words: readonly string[], word: string): [string[], string[]] {
  const at = words.includes(word) ? words.indexOf(word) : words.length;
  return [words.slice(0, at), words.slice(at + 1)];
}

/** Cells below each other: names to the left, numbers to the right. */
function row(name: string, ...cells: string[]): string {
  return name.padEnd(40) + cells.map((cell) => cell.padStart(15)).join("");
}
