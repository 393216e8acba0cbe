/** Pretraining by two ranks: one model, saved in the files that nanochat's ranks save. */
import { assertEquals, assertLess } from "@std/assert";
import { baseOptions } from "../../cli/options.ts";
import { pretrain } from "../../lib/base/mod.ts";
import { findCheckpoint } from "../../lib/checkpoint/disk/mod.ts";
import { GPT } from "../../lib/model/mod.ts";
import { AdamW } from "../../lib/optim/mod.ts";
import { trainTokenizer } from "../../lib/tokenizer/mod.ts";
import { openOptimizer } from "../../lib/training/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { rates } from "../optim/gqa_sliding.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { onRanks } from "./in_process.ts";

const SENTENCES = ["the cat sat on the mat", "a dog ran to the red house", "we like warm bread"];

const OPTIONS = baseOptions({
  depth: 2,
  aspectRatio: 16,
  headDim: 16,
  maxSeqLen: 16,
  windowPattern: "L",
  deviceBatchSize: 2,
  totalBatchSize: 128,
  numIterations: 20,
  matrixLr: 0.05,
  embeddingLr: 0.5,
  unembeddingLr: 0.1,
  evalEvery: 20,
  evalTokens: 64,
});

Deno.test("two ranks learn a few documents, and one process goes on from what they saved", () =>
  inTempDir(async (baseDir) => {
    const tokenizer = await trainTokenizer(SENTENCES, { vocabSize: 265 + 30 });
    const train = SENTENCES.map((text) =>
      Int32Array.of(tokenizer.bosId, ...tokenizer.encode(text))
    );
    const consoles = [new MemoryTerminal(), new MemoryTerminal()];
    const results = await onRanks(2, async (ranks) => {
      const { terminal } = consoles[ranks.rank];
      const { signal } = new AbortController();
      const io = { terminal, signal, baseDir, env: () => undefined, now: () => 0, ranks };
      return await pretrain(new Float64Device(), tokenizer, { train, heldOut: train }, OPTIONS, io);
    });
    assertEquals(results[1], results[0]);
    assertEquals([results[0].step, results[0].savedStep], [20, 20]);
    const bpbs = consoles[0].lines.flatMap((line) => line.match(/Validation bpb: (.*)/)?.[1] ?? []);
    assertLess(results[0].valBpb!, Number(bpbs[0]) / 2);

    const files = await findCheckpoint(baseDir, { source: "base" });
    const names = [...files.optimizers.values()].map((path) => path.split("/").at(-1));
    assertEquals(names, ["optim_000020_rank0.pt", "optim_000020_rank1.pt"]);
    const config = {
      ...{ sequenceLen: 16, vocabSize: tokenizer.vocabSize, nLayer: 2, nHead: 2, nKvHead: 2 },
      ...{ nEmbd: 32, windowPattern: "L" },
    };
    const model = new GPT(new Float64Device(), config, { training: true });
    const start = { isWarm: true, isResumed: false };
    const optimizer = await openOptimizer({ model, files }, rates, start, new MemoryTerminal());
    const steps = optimizer.parts.flatMap((part) => part instanceof AdamW ? part.steps : []);
    assertEquals(new Set(steps), new Set([20]));
  }));

Deno.test("ranks that read other texts are refused", () =>
  inTempDir(async (baseDir) => {
    const tokenizer = await trainTokenizer(SENTENCES, { vocabSize: 265 + 30 });
    const messages = await onRanks(2, async (ranks) => {
      const { terminal } = new MemoryTerminal(), { signal } = new AbortController();
      const io = { terminal, signal, baseDir, env: () => undefined, now: () => 0, ranks };
      const train = [new Int32Array(20 + ranks.rank)], documents = { train, heldOut: train };
      const run = pretrain(new Float64Device(), tokenizer, documents, OPTIONS, io);
      return await run.then(() => "it ran", ({ message }) => message as string);
    });
    const own = [20, 21].map((n) => `${n} tokens to train on and ${n} held out`);
    const expected = `ranks differ in their texts: rank 0 has ${own[0]}, and rank 1 ${own[1]}; ` +
      "all must run the same command on the same files";
    assertEquals(messages, [expected, expected]);
  }));
