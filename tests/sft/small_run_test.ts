/** A whole run on a tiny model: what it prints, measures, saves, and how it goes on. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { wordError } from "../../cli/errors.ts";
import { UserError } from "../../lib/errors.ts";
import type { SftOptions } from "../../lib/sft/mod.ts";
import { devices } from "../device/devices.ts";
import { watchRun } from "./run_helpers.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";

const FLAGS: Partial<SftOptions> = {
  maxSeqLen: 64,
  deviceBatchSize: 2,
  totalBatchSize: 256,
  numIterations: 4,
  evalEvery: 2,
  evalTokens: 256,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
};

for (
  const { name: deviceType, device } of devices as { name: "webgpu" | "cpu"; device: unknown }[]
) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test(`${deviceType}: ${name}`, { ignore: device === undefined }, fn);

  test("a run trains, measures, and saves what nanochat and it can load", async () => {
    const baseDir = await smallBaseDir();
    const { lines, metrics, result } = await watchRun(baseDir, { ...FLAGS, deviceType });
    const losses = metrics.filter((line) => "train/loss" in line);
    assertEquals(losses.map(({ step }) => step), [1, 2, 3, 4]);
    assertLess(losses[3]["train/loss_raw"], losses[0]["train/loss_raw"]);
    const bpb = metrics.filter((line) => "val/bpb" in line);
    assertEquals(bpb.map(({ step }) => step), [0, 2, 4]);
    assertLess(bpb[2]["val/bpb"], bpb[0]["val/bpb"]);
    assert(lines.some((line) => line.startsWith("step 00004 (100.00%) | loss: ")));
    assert(lines.some((line) => /^Step 00004 \| Validation bpb: \d+\.\d{4}$/.test(line)));

    const names = [...Deno.readDirSync(result.directory)].map(({ name }) => name).sort();
    assertEquals(names, [
      "meta_000004.json",
      "metrics.jsonl",
      "model_000004.pt",
      "optim_000004_rank0.pt",
      "step_4_meta.json",
      "step_4_model.pt",
      "step_4_optimizer.pt",
    ]);
    const meta = JSON.parse(await Deno.readTextFile(join(result.directory, "step_4_meta.json")));
    assertEquals(meta.model_config.n_kv_head, 1);
    assertEquals(meta.user_config.matrix_lr, 0.01);
    assertAlmostEquals(meta.val_bpb, bpb[2]["val/bpb"], 1e-12);
    await Deno.remove(baseDir, { recursive: true });
  });

  test("a stopped run saves, and goes on as if it had not stopped", async () => {
    const [whole, stopped] = await Promise.all([smallBaseDir(), smallBaseDir()]);
    const flags = { ...FLAGS, evalEvery: 4, numIterations: 6, deviceType };
    const uninterrupted = await watchRun(whole, flags);
    const first = await watchRun(stopped, flags, 2);
    assertLess(first.result.at.step, 6);
    const second = await watchRun(stopped, { ...flags, resume: true });
    const tail = (metrics: Record<string, number>[]) =>
      metrics.filter((line) => "train/loss" in line).map((line) => line["train/loss"]);
    assertEquals(tail(second.metrics), tail(uninterrupted.metrics));
    const measured = ({ metrics }: { metrics: Record<string, number>[] }) =>
      metrics.filter((line) => "val/bpb" in line).map((line) => line.step);
    assertEquals(measured(second), measured(uninterrupted));
    assertEquals(second.result.metrics, uninterrupted.result.metrics);
    for (const baseDir of [whole, stopped]) await Deno.remove(baseDir, { recursive: true });
  });

  test("input that cannot be used is told in one line, before anything is written", async () => {
    const baseDir = await smallBaseDir();
    const fails = async (given: Partial<SftOptions>, ...words: string[]) => {
      const run = () => watchRun(baseDir, { ...FLAGS, deviceType, ...given });
      const message = wordError(await assertRejects(run, UserError), "sft");
      for (const word of words) assert(message.includes(word), `${word} in: ${message}`);
      assertEquals(message.includes("\n"), false);
    };
    await fails({ modelTag: "d9" }, "d9", "d2");
    await fails({ modelStep: 3 }, "3", "7");
    await fails({ totalBatchSize: 200 }, "200", "128", "--total-batch-size");
    await fails({ resume: true }, "chatsft_checkpoints");
    const data = join(baseDir, "task_data/openai--gsm8k/main/train/data.jsonl");
    await Deno.writeTextFile(data, '{"question": "1"}\n{"question": oops}\n');
    await fails({}, "data.jsonl", "2");
    const meta = join(baseDir, "base_checkpoints/d2/meta_000007.json");
    const text = await Deno.readTextFile(meta);
    await Deno.writeTextFile(meta, text.replace('"vocab_size":4096', '"vocab_size":4000'));
    await fails({}, "4000", "4096", "tokenizer");
    await Deno.writeTextFile(join(baseDir, "base_checkpoints/d2/model_000007.pt"), "no zip");
    await fails({}, "model_000007.pt");
    assertEquals(
      [...Deno.readDirSync(baseDir)].some(({ name }) => name.startsWith("chatsft")),
      false,
    );
    await Deno.remove(baseDir, { recursive: true });
  });
}

Deno.test("cpu: runs repeat bit for bit; other thread counts agree closely", async () => {
  const run = async (threads: number) => {
    const baseDir = await smallBaseDir();
    const flags = { ...FLAGS, evalEvery: -1, deviceType: "cpu", threads } as const;
    const { metrics, result } = await watchRun(baseDir, flags);
    const files = await Promise.all(
      ["model", "optimizer"].map((name) =>
        Deno.readFile(join(result.directory, `step_4_${name}.pt`))
      ),
    );
    await Deno.remove(baseDir, { recursive: true });
    const losses = metrics.filter((line) => "train/loss" in line);
    return { files, losses: losses.map((line) => line["train/loss_raw"]) };
  };
  const [first, second, alone] = [await run(2), await run(2), await run(1)];
  assertEquals(first.files, second.files);
  first.losses.forEach((loss, i) => assertAlmostEquals(loss, alone.losses[i], 1e-4));
});
