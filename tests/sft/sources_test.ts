/** Fine-tuning begins with a model of any kind, described as nanochat described it. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { CheckpointSource } from "../../lib/checkpoint/mod.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { watchRun } from "./run_helpers.ts";

const FLAGS = {
  deviceType: "cpu",
  threads: 1,
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 256,
  numIterations: 1,
  evalEvery: -1,
  evalTokens: 256,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
} as const;

/** A base directory whose only model lies in a folder, with a meta file made of the usual one's. */
async function placed(
  folder: string,
  step: number,
  describe: (config: Record<string, unknown>) => object,
): Promise<string> {
  const baseDir = await smallBaseDir();
  const [from, to] = [join(baseDir, "base_checkpoints/d2"), join(baseDir, folder)];
  const digits = String(step).padStart(6, "0");
  const { model_config } = JSON.parse(await Deno.readTextFile(join(from, "meta_000007.json")));
  await Deno.mkdir(to, { recursive: true });
  await Deno.rename(join(from, "model_000007.pt"), join(to, `model_${digits}.pt`));
  const meta = JSON.stringify(describe(model_config), null, 2);
  await Deno.writeTextFile(join(to, `meta_${digits}.json`), meta);
  await Deno.remove(join(from, "meta_000007.json"));
  return baseDir;
}

const withoutPattern = ({ window_pattern: _, ...model_config }: Record<string, unknown>) => ({
  model_config,
});
const SCRIPT_GLOBALS = {
  run: "dummy",
  device_type: "",
  dtype: "bfloat16",
  max_seq_len: 32,
  device_batch_size: 32,
  total_batch_size: -1,
  embedding_lr: null,
  matrix_lr: 0.015,
  init_lr_frac: 1.0,
  dry_run: 0,
};

const CASES: [CheckpointSource, string, number, (config: Record<string, unknown>) => object][] = [
  ["base", "base_checkpoints/d2", 0, (model_config) => ({ step: 0, model_config })],
  ["mid", "mid_checkpoints/d2", 7, (config) => ({
    step: 7,
    val_bpb: 0.5,
    ...withoutPattern(config),
    user_config: SCRIPT_GLOBALS,
  })],
  ["sft", "chatsft_checkpoints/d2", 7, (model_config) => ({
    step: 7,
    val_loss: 1.2,
    mmlu_acc: 0.3,
    model_config,
  })],
  ["sft", "sft_checkpoints/d2", 7, (config) => ({ step: 7, ...withoutPattern(config) })],
  ["rl", "chatrl_checkpoints/d2", 60, (model_config) => ({ model_config })],
];

for (const [source, folder, step, describe] of CASES) {
  Deno.test(`a run begins with step ${step} of ${folder}, and what it learned goes to the fine-tuned`, async () => {
    const baseDir = await placed(folder, step, describe);
    const { lines, result, metrics } = await watchRun(baseDir, { ...FLAGS, source });
    assert(
      lines.some((line) => line.includes(`heckpoint`) && line.includes(join(baseDir, folder))),
    );
    const rate = source === "mid"
      ? "matrix_lr=0.015 inherited from the mid checkpoint"
      : "matrix_lr=0.02 by default";
    assert(lines.includes(rate), lines.join("\n"));
    assert(lines.includes("embedding_lr=0.3 by default"));
    assert(
      lines.some((line) => line.includes("no optimizer state of step") && line.includes("fresh")),
    );
    assertEquals(result.directory, join(baseDir, "chatsft_checkpoints/d2"));
    assertEquals(result.at.step, 1);
    assert(metrics.some((line) => Number.isFinite(line["val/bpb"])));
    await Deno.remove(baseDir, { recursive: true });
  });
}

Deno.test("optimizer state without a rank in its name is taken over", async () => {
  const baseDir = await smallBaseDir();
  const first = await watchRun(baseDir, FLAGS);
  const [from, to] = [first.result.directory, join(baseDir, "mid_checkpoints/d2")];
  await Deno.mkdir(to, { recursive: true });
  for (
    const [own, old] of [["model_000001.pt"], ["meta_000001.json"], [
      "optim_000001_rank0.pt",
      "optim_000001.pt",
    ]]
  ) {
    await Deno.copyFile(join(from, own), join(to, old ?? own));
  }
  const { lines } = await watchRun(baseDir, { ...FLAGS, source: "mid" });
  const loaded = `Optimizer state loaded from ${join(to, "optim_000001.pt")}`;
  assert(lines.some((line) => line.startsWith(loaded)), lines.join("\n"));
  await Deno.remove(baseDir, { recursive: true });
});
