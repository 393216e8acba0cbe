/** How far a device is from the numbers that nanochat computed. Runs in a browser too. */
import { Engine } from "../../lib/engine/mod.ts";
import { bitsPerByte } from "../../lib/eval/mod.ts";
import { Pass, windowSizes } from "../../lib/model/mod.ts";
import { maxError, type ParityModel, relativeError } from "./parity.ts";
import { floats, train } from "./parity_training.ts";

/** What a forward pass gives. */
export interface ForwardMeasures {
  /** Largest difference of a logit. */
  logits: number;
  /** Largest difference of a position's loss. */
  losses: number;
  bitsPerByte: number;
  flopsPerToken: number;
  windowSizes: number[];
  /** Parameter counts by their purpose, as nanochat names it. */
  counts: Record<string, number>;
}

/** What three optimizer steps give, and the model then. */
export interface TrainingMeasures {
  /** Loss of each step. */
  losses: number[];
  /** Relative error of each parameter's gradient in the first step. */
  gradients: Record<string, number>;
  /** Relative error of each parameter's change, by step. */
  changes: Record<string, number>[];
  /** The most likely tokens after the prompt. */
  greedy: number[];
}

/** Runs the forward pass. */
export async function measureForward(parity: ParityModel): Promise<ForwardMeasures> {
  const { model, numbers, shape } = parity;
  const { device } = model;
  const [B, T] = shape("x"), N = B * T, V = model.config.vocabSize;
  const x = Int32Array.from(numbers("x")), y = Int32Array.from(numbers("y"));
  const pass = new Pass(model, B, T);
  pass.batch.write(x, Int32Array.from({ length: N }, (_, row) => row % V));
  pass.forward();
  let logitsError = 0;
  for (let start = 0; start < N; start += pass.head.chunkRows) {
    const R = Math.min(pass.head.chunkRows, N - start);
    const logits = await floats(device, pass.head.logits(pass.final, pass.batch.index, start, R));
    const columns = logits.length / R;
    for (let r = 0; r < R; r++) {
      const row = logits.subarray(r * columns, r * columns + V);
      const wanted = numbers("logits").subarray((start + r) * V, (start + r + 1) * V);
      logitsError = Math.max(logitsError, maxError(row, wanted));
    }
  }

  const lossSum = device.allocate("loss", [1]);
  pass.batch.write(x, y);
  pass.evaluate(lossSum);
  const losses = await floats(device, pass.head.losses);
  const kept = [...y.keys()].filter((row) => y[row] >= 0);
  const wanted = kept.map((row) => numbers("loss_per_position")[row]);
  const tokenBytes = Int32Array.from(numbers("token_bytes"));
  const { wte, valueEmbeds, lmHead, transformerMatrices, scalars } = model.counts;
  const measures = {
    logits: logitsError,
    losses: maxError(losses, wanted),
    bitsPerByte: await bitsPerByte(pass, [{ x, y }], 1, tokenBytes),
    flopsPerToken: model.flopsPerToken,
    windowSizes: windowSizes(model.config),
    counts: {
      wte,
      value_embeds: valueEmbeds,
      lm_head: lmHead,
      transformer_matrices: transformerMatrices,
      scalars,
    },
  };
  device.free(lossSum);
  pass.free();
  return measures;
}

/** A tokenizer without tools or ends. */
const plainTokens = { bosId: -1, encode: () => [], decode: () => "", encodeSpecial: () => -1 };

/** Trains the model for three steps, then lets it write. */
export async function measureTraining(parity: ParityModel): Promise<TrainingMeasures> {
  const { model, expected, numbers } = parity;
  const measures: TrainingMeasures = { losses: [], gradients: {}, changes: [], greedy: [] };
  for await (const { step, loss, gradients, before, after } of train(parity)) {
    measures.losses.push(loss);
    const changes: Record<string, number> = {};
    for (const [name, start] of before) {
      if (step === 0) {
        measures.gradients[name] = relativeError(gradients.get(name)!, numbers(`grad.${name}`));
      }
      const change = (now: Float32Array) => now.map((value, i) => value - start[i]);
      const wanted = change(numbers(`step${step}.param.${name}`));
      changes[name] = relativeError(change(after.get(name)!), wanted);
    }
    measures.changes.push(changes);
  }

  const engine = new Engine(model, plainTokens);
  const { prompt, continuation } = expected.greedy;
  const options = { temperature: 0, maxTokens: continuation.length };
  for await (const [step] of engine.generate([prompt], options)) {
    measures.greedy.push(step!.token);
  }
  engine.free();
  return measures;
}
