/** Measures the parts of a report, each in a process of its own. */
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import { shortCommit } from "../against/worktree.ts";
import type { Part, Row, Settings } from "./part.ts";
import { emptyResults, type Results, writeReport } from "./report.ts";

const root = fromFileUrl(new URL("../..", import.meta.url));
const program = fromFileUrl(new URL("../gpu.ts", import.meta.url));

/** What the process of a part prints before each row; others that it uses may print as well. */
const MARK = "row: ";

/** Measures a part in this process, and prints its rows. */
export async function measureHere(part: Part, settings: Settings): Promise<void> {
  for await (const row of part.measure(settings)) console.log(MARK + JSON.stringify(row));
}

/**
 * Measures parts one after the other and writes the report after each row.
 *
 * @param folder Where to.
 * @param minutes After which no part is begun, and the one that runs is ended.
 */
export async function measureAll(
  parts: readonly Part[],
  settings: Settings,
  { folder, minutes }: { folder: string; minutes: number },
): Promise<{ path: string; results: Results }> {
  await Deno.mkdir(folder, { recursive: true });
  const commit = await shortCommit(root, "HEAD").catch(() => "an unknown commit");
  const results = emptyResults(settings, commit);
  const begun = performance.now();
  const secondsSince = (start: number) => (performance.now() - start) / 1000;
  let path = "";
  for (const [i, part] of parts.entries()) {
    const start = performance.now(), left = 60 * minutes - secondsSince(begun);
    const { provider, name } = part;
    // How long software takes depends on what else its cores do.
    const most = settings.short ? left : Math.min(left, part.seconds);
    const cannot = provider && results.failures[`adapter, ${provider}`];
    // One line says it for all.
    if (cannot && part.table !== "adapter") continue;
    console.log(`${secondsSince(begun).toFixed(0)} s, ${i + 1} of ${parts.length}: ${name}`);
    const rows = results.tables[part.table] ??= [];
    const failure = left <= 0
      ? `the ${minutes} minutes were over`
      : await inProcess(part, settings, most, async (row) => {
        rows.push(row);
        if (row.fact === "adapter" && results.adapter === "unknown") {
          results.adapter = String(row.value);
        }
        path = await writeReport(folder, results);
      });
    if (failure) results.failures[name] = failure;
    if (rows.length === 0) delete results.tables[part.table];
    results.seconds[name] = secondsSince(start);
    path = await writeReport(folder, results);
  }
  return { path, results };
}

/**
 * Runs a part's process.
 *
 * @returns Why it did not end well, if so.
 */
async function inProcess(
  { name }: Part,
  { short, python, nanochat }: Settings,
  seconds: number,
  onRow: (row: Row) => Promise<void>,
): Promise<string | undefined> {
  const args = ["run", "-A", program, "--part", name];
  if (short) args.push("--short");
  if (python) args.push("--python", python);
  if (nanochat) args.push("--nanochat", nanochat);
  const child = new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, 1000 * seconds);
  const errors = Array.fromAsync(linesOf(child.stderr));
  for await (const line of linesOf(child.stdout)) {
    if (line.startsWith(MARK)) await onRow(JSON.parse(line.slice(MARK.length)));
  }
  const { success, code } = await child.status;
  clearTimeout(timer);
  if (success) return;
  if (late) return `ended after ${seconds.toFixed(0)} s`;
  // Not what Mesa says of every system without a window, nor where in a program it was.
  const said = (await errors).filter((line) => !/XDG_RUNTIME_DIR|^\s+at |^\s*$/.test(line));
  return said.find((line) => line.startsWith("error: Uncaught")) ?? said.at(-1) ?? `code ${code}`;
}

function linesOf(stream: ReadableStream<Uint8Array>): ReadableStream<string> {
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}
