/** Models of every age are fine-tuned in their own architecture, and saved in it. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { adviseOn, wordError } from "../../cli/errors.ts";
import { chatOptions } from "../../cli/options.ts";
import { openTorchFile, readMeta } from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict, type StoredTensor } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { inspectCheckpoint } from "../../lib/inspect/mod.ts";
import type { ModelParts } from "../../lib/model/mod.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { openModel } from "../../lib/training/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { FIRST } from "../model/first_parts.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { watchRun } from "./run_helpers.ts";

const FLAGS: Partial<SftOptions> = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 1,
  totalBatchSize: 64,
  numIterations: 1,
  evalTokens: 64,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
};

const VALUES: ModelParts = {
  ...FIRST,
  lambdas: true,
  windows: "half",
  valueGate: { channels: 32, scale: 2 },
};
const LATE = { depth: 2, eval_tokens: 41943040 };

/** Models by name: what they compute, what their meta file says, what must be said, and is printed. */
const MODELS: Record<string, [ModelParts, Record<string, unknown>, number | undefined, string]> = {
  "of October 2025": [FIRST, {}, undefined, "nanochat of October 2025: "],
  "with windows": [{ ...VALUES, valueGate: null }, {}, undefined, "nanochat of January 2026: "],
  "whose softcap is a guess": [VALUES, {}, undefined, "the softcap is a guess"],
  "whose softcap is said": [VALUES, {}, 20, "softcap 20"],
  "whose softcap its training tells": [VALUES, LATE, undefined, "softcap 20"],
  "with bigrams": [{ ...VALUES, bigram: true }, {}, undefined, "bigram embeddings"],
  "with windows of a third": [
    { smear: false, backout: false, qkScale: 1.15, windows: "third" },
    {},
    undefined,
    "windows of a third",
  ],
};

for (const [name, [parts, userConfig, softcap, said]] of Object.entries(MODELS)) {
  Deno.test(`a model ${name} stays one`, async () => {
    const baseDir = await smallBaseDir(undefined, parts, userConfig);
    const { lines, result, metrics } = await watchRun(baseDir, { ...FLAGS, softcap });
    assert(lines.some((line) => line.includes(said)), lines.join("\n"));
    assert(metrics.some((line) => line["train/loss"] > 0));

    const base = join(baseDir, "base_checkpoints/d2");
    const before = await readMeta(join(base, "meta_000007.json"));
    const after = await readMeta(join(result.directory, "meta_000001.json"));
    assertEquals(after.raw.model_config, before.raw.model_config);
    using old = await openTorchFile(join(base, "model_000007.pt"));
    using now = await openTorchFile(join(result.directory, "model_000001.pt"));
    const shapes = ({ root }: { root: unknown }) =>
      Array.from(root as Map<string, StoredTensor>, ([name, { shape }]) => [name, shape]);
    assertEquals(shapes(now), shapes(old));
    const known = readStateDict(old, before.modelConfig, { meta: before.raw, softcap });

    // What was said once need not be said again.
    const opened = await openModel(new Float64Device(), baseDir, { source: "sft" });
    assertEquals(opened.era.parts, known.parts);
    assertEquals(opened.era.guessed, []);
    const resumed = await watchRun(baseDir, { ...FLAGS, resume: true, numIterations: 2 });
    assertEquals(resumed.result.at.step, 2);
    const again = await readMeta(join(result.directory, "meta_000002.json"));
    assertEquals(again.raw.model_config, before.raw.model_config);
    using last = await openTorchFile(join(result.directory, "model_000002.pt"));
    assertEquals(
      readStateDict(last, again.modelConfig, { meta: again.raw }).parts,
      known.parts,
    );
    await Deno.remove(baseDir, { recursive: true });
  });
}

Deno.test("a window pattern that no file names is said once, and is in those that are saved", async () => {
  const parts: ModelParts = { ...VALUES, valueGate: null, windows: "none" };
  const baseDir = await smallBaseDir(undefined, parts);
  const silent = await watchRun(baseDir, FLAGS);
  assert(silent.lines.some((line) => line.includes("that it has no windows is a guess")));
  const { result, lines } = await watchRun(baseDir, { ...FLAGS, windowPattern: "sl" });
  assert(lines.some((line) => line.includes("windows of a half")));
  const { modelConfig, raw } = await readMeta(join(result.directory, "meta_000001.json"));
  assertEquals(modelConfig.windowPattern, "SL");
  assertEquals(Object(raw.model_config).window_pattern, "SL");
  const { era } = await openModel(new Float64Device(), baseDir, { source: "sft" });
  assertEquals([era.parts.windows, era.guessed], ["half", []]);
  await watchRun(baseDir, { ...FLAGS, resume: true, numIterations: 2 });
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("inspect says the architecture, and which flag a guess is changed by", async () => {
  const baseDir = await smallBaseDir(undefined, VALUES);
  const inspect = async (softcap?: number) => {
    const console = new MemoryTerminal(), { terminal } = console;
    await inspectCheckpoint({ source: "base", softcap }, {
      terminal,
      baseDir,
      signal: new AbortController().signal,
      env: () => undefined,
      now: () => 0,
      advice: adviseOn,
    });
    return console.lines.find((line) => line.startsWith("Architecture"));
  };
  assertEquals(
    await inspect(),
    "Architecture nanochat of January to March 2026: windows of a half, value embeddings, " +
      "gates of 32, no smear or backout, softcap 15, rotary tables in bfloat16; " +
      "the softcap is a guess, for its files do not tell it from 20 (--softcap 20 or 15 settles it)",
  );
  assert(!(await inspect(20))!.includes("guess"));
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a softcap is refused that is no cap, or not that of the parameters", async () => {
  const baseDir = await smallBaseDir();
  const run = () => watchRun(baseDir, { ...FLAGS, softcap: 20 });
  const message = wordError(await assertRejects(run, UserError), "sft");
  assert(
    /^--softcap must be 15 for .*, whose parameters tell it, but is 20$/.test(message),
    message,
  );
  for (const softcap of [0, -15, NaN, Infinity]) {
    assertThrows(() => chatOptions({ softcap }), UserError, "a number above 0");
  }
  await Deno.remove(baseDir, { recursive: true });
});
