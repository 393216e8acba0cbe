/**
 * What the benchmarks of training share: a checkpoint of a base directory and steps of training it
 * on batches of the directory's own mixture, at a constant learning rate.
 */
import type { CheckpointFiles } from "../lib/checkpoint/disk/mod.ts";
import { type PackedBatch, PackedLoader } from "../lib/dataloader/mod.ts";
import type { Device } from "../lib/device/mod.ts";
import { type GPT, Pass } from "../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../lib/optim/mod.ts";
import { openModel } from "../lib/training/mod.ts";
import { LocalSource, trainMixture } from "../lib/tasks/mod.ts";

/** Learning rates, before AdamW's are scaled to the width. */
export const RATES = { embeddingLr: 0.03, unembeddingLr: 0.0008, matrixLr: 0.002 };

/** Muon's momentum, at which nanochat begins too. */
const MOMENTUM = 0.95;

/** Ids and targets of a micro-batch. */
export type MicroBatch = Pick<PackedBatch, "x" | "y">;

/** A checkpoint in training. */
export interface Trainer {
  model: GPT;
  files: CheckpointFiles;
  /** Micro-batches of a step, their rows and columns. */
  micros: number;
  B: number;
  T: number;
  tokensPerStep: number;
  /** The micro-batches of the next step. */
  nextBatches(): MicroBatch[];
  /** Trains one optimizer step, waits for it, and returns the mean loss of its micro-batches. */
  step(batches: MicroBatch[]): Promise<number>;
}

/**
 * Opens the base checkpoint of that tag, or the deepest, for training with 8192 tokens a step and
 * every target counted, as in pretraining; with `sft`, 4096 tokens and the masks of fine-tuning.
 */
export async function openTrainer(
  device: Device,
  baseDir: string,
  { tag, sft }: { tag?: string; sft: boolean },
): Promise<Trainer> {
  const { model, tokenizer, files } = await openModel(device, baseDir, {
    source: "base",
    tag,
    training: true,
  });
  const { sequenceLen: T, nEmbd } = model.config;
  const tokensPerStep = sft ? 4096 : 8192;
  const B = sft ? 4 : Math.min(16, tokensPerStep / T);
  const micros = tokensPerStep / (B * T);

  const mixture = await trainMixture(new LocalSource(baseDir), {
    simpleSpellingSize: 0,
    spellingBeeSize: 0,
  });
  const render = tokenizer.renderConversation.bind(tokenizer);
  const loader = new PackedLoader(mixture, { B, T, render, bosId: tokenizer.bosId });
  const groups = parameterGroups([...model.parameters.values()], nEmbd, RATES);
  const optimizer = new Optimizer(device, groups);
  const pass = new Pass(model, B, T, { training: true });
  const lossSum = device.allocate("loss", [1]);

  const nextBatches = () =>
    Array.from({ length: micros }, () => {
      const { x, y } = loader.next();
      return { x, y: sft ? y : x.map((_, i) => x[i + 1] ?? tokenizer.bosId) };
    });
  const step = async (batches: MicroBatch[]) => {
    model.zeroGradients();
    device.zero({ x: lossSum });
    for (const { x, y } of batches) {
      pass.batch.write(x, y);
      pass.train(lossSum, 1 / micros);
      device.submit();
    }
    optimizer.step(1, MOMENTUM, lossSum);
    const [loss] = await device.read(lossSum);
    await device.synchronize();
    return loss;
  };
  return { model, files, micros, B, T, tokensPerStep, nextBatches, step };
}
