/**
 * What the recipe for one's own conversations alone makes of 20 to 5,000 of them, beside other
 * settings: the table of docs/small_data.md.
 *
 *     deno run -A bench/small_data.ts [SET]... [SETTINGS]...
 *
 * SET is one of those below, SETTINGS are options of a run as JSON, such as `{"initLrFrac":0.4}`; each
 * set is trained on with each settings, by the shipped model, on two threads. Without settings it is
 * the recipe. Of the model that is kept, "begins" is how many of the first eight questions get an answer
 * that begins with the data's first forty characters, "exact" how many of the first twenty get the
 * data's own, and "ended" how many answers end within 250 tokens; the measured ones are among them.
 */
import { dirname, fromFileUrl, join } from "@std/path";
import { sftOptions } from "../cli/options.ts";
import { createCpuDevice } from "../lib/device/cpu/mod.ts";
import { askEach, oneLine } from "../lib/sft/ask.ts";
import { runSft, type SftOptions } from "../lib/sft/mod.ts";
import { openFile } from "../lib/tasks/mod.ts";
import { Terminal } from "../lib/tracking/mod.ts";
import { openModel, type RunIo } from "../lib/training/mod.ts";
import "./plain_errors.ts";
import { table } from "./scaling/markdown.ts";

type Turns = { role: string; content: string }[];

const SAMPLES = fromFileUrl(new URL("../data/samples", import.meta.url));
const BASE = fromFileUrl(new URL("../data/base", import.meta.url));
const BEGUN = 8, BEGINNING = 40;
const ASKED = 20, LONGEST_ANSWER = 250;

/** The first conversations of a sample. */
async function sample(path: string, count: number): Promise<Turns[]> {
  const text = await new Response(await openFile(join(SAMPLES, path))).text();
  const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  return rows.slice(0, count).map((row) => row.messages ?? row);
}
const identity = (count: number) => sample("identity_conversations.jsonl.gz", count);
const smolTalk = (count: number) =>
  sample("HuggingFaceTB--smol-smoltalk/default/train.jsonl.gz", count);

const SETS: Record<string, () => Promise<Turns[]>> = {
  numbers20: () =>
    Promise.resolve(Array.from({ length: 20 }, (_, i) => [
      { role: "user", content: `Q${i}` },
      { role: "assistant", content: Array(2 * i + 3).fill(`answer${i}`).join(" ") },
    ])),
  identity50: () => identity(50),
  identity100: () => identity(100),
  identity500: () => identity(500),
  smoltalk1000: () => smolTalk(1000),
  // As many as the samples have of conversations.
  both2404: async () => [...await identity(904), ...await smolTalk(1500)],
};

/** Trains on a set, and says how it went. */
async function measure(name: string, given: Partial<SftOptions>): Promise<string[]> {
  const baseDir = await Deno.makeTempDir();
  for (const folder of ["tokenizer", "base_checkpoints"]) {
    await Deno.symlink(join(BASE, folder), join(baseDir, folder));
  }
  const own = join(baseDir, "own.jsonl"), conversations = await SETS[name]();
  await Deno.writeTextFile(own, conversations.map((turns) => JSON.stringify(turns)).join("\n"));
  const lines: string[] = [];
  const terminal = new Terminal({
    stdout: (text) => lines.push(text),
    stderr: () => {},
    isTerminal: false,
    columns: () => 80,
    colors: false,
    quiet: false,
    now: () => performance.now(),
  });
  const { signal } = new AbortController();
  const now = () => performance.now();
  const io: RunIo = { terminal, signal, baseDir, env: () => undefined, now };
  const started = now();
  const options = sftOptions({ deviceType: "cpu", data: [own], dataOnly: true, ...given });
  const { directory, at, savedStep } = await runSft(options, io);
  const seconds = (now() - started) / 1000;

  const text = await Deno.readTextFile(join(directory, "metrics.jsonl"));
  const bpbs = text.trimEnd().split("\n").map((line) => JSON.parse(line))
    .flatMap((line) => line["val/bpb"] ?? []);
  const meta = JSON.parse(await Deno.readTextFile(join(directory, `step_${savedStep}_meta.json`)));
  const { num_iterations: steps, max_seq_len: T, total_batch_size: batch, init_lr_frac: rate } =
    meta.user_config;
  const device = await createCpuDevice();
  const opened = await openModel(device, baseDir, { source: "sft" });
  const asked = conversations.slice(0, ASKED).map((turns) =>
    turns.filter(({ role }) => role !== "system").map(({ content }) => content)
  );
  const questions = asked.map(([question]) => question);
  const answers = await askEach(opened, questions, signal, LONGEST_ANSWER);
  const wanted = asked.map(([, answer]) => oneLine(answer));
  const begins = answers.slice(0, BEGUN)
    .filter(({ answer }, i) => answer.startsWith(wanted[i].slice(0, BEGINNING)));
  const exact = answers.filter(({ answer }, i) => answer === wanted[i]);
  const ended = answers.filter(({ answer }) => !answer.endsWith("…"));
  await device.close();
  await Deno.remove(dirname(own), { recursive: true });
  return [
    name,
    Object.entries(given).map(([option, value]) => `${option} ${value}`).join(", ") || "recipe",
    `${T}`,
    `${batch}`,
    `${rate}`,
    `${at.step} of ${steps}`,
    bpbs[0].toFixed(3),
    `${Math.min(...bpbs.slice(1)).toFixed(3)} (${savedStep})`,
    bpbs.at(-1).toFixed(3),
    `${begins.length} of ${BEGUN}`,
    `${exact.length}`,
    `${ended.length}`,
    seconds.toFixed(0),
  ];
}

const sets = Deno.args.filter((arg) => arg in SETS);
const settings = Deno.args.filter((arg) => !(arg in SETS)).map((arg) => JSON.parse(arg));
const rows: string[][] = [];
for (const set of sets.length > 0 ? sets : Object.keys(SETS)) {
  for (const given of settings.length > 0 ? settings : [{}]) rows.push(await measure(set, given));
}
const heads =
  "set|settings|row|step|rate|steps|bpb before|best (step)|last|begins|exact|ended|seconds";
console.log(table(heads.split("|"), rows));
