/**
 * The backward pass against finite differences in float64, on models that together have every part:
 * grouped heads, short windows, value embeddings, bigrams, smear, backout, masked targets.
 */
import { assertLess } from "@std/assert";
import { GPT, type ModelConfig, type ModelParts, Pass } from "../../lib/model/mod.ts";
import { PythonRandom } from "../../lib/random/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { data } from "../device/float64_tensor.ts";
import { FIRST } from "./first_parts.ts";

const config = {
  sequenceLen: 160,
  vocabSize: 19,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  windowPattern: "SL",
};

/** A width with heads of eight numbers, and one with heads of six. */
for (const nEmbd of [32, 24]) {
  Deno.test(`every gradient agrees with finite differences, ${nEmbd} channels`, () => {
    checkGradients({ ...config, nEmbd });
  });
}

Deno.test("every gradient agrees with finite differences, without lambdas or value embeddings", () => {
  checkGradients({ ...config, nEmbd: 32 }, FIRST);
});

Deno.test("every gradient agrees with finite differences, with bigrams", () => {
  const valueGate = { channels: 32, scale: 2 };
  const parts = { ...FIRST, lambdas: true, windows: "half", valueGate, bigram: true } as const;
  checkGradients({ ...config, nEmbd: 32 }, { ...parts, softcap: 20 });
});

function checkGradients(config: ModelConfig, parts?: ModelParts): void {
  const random = new PythonRandom(7);
  const device = new Float64Device();
  const model = new GPT(device, config, { parts, training: true });
  for (const { value, kind } of model.parameters.values()) {
    const scale = kind === "scalar" ? 0.5 : 0.3;
    data(value).forEach((_, i, all) => all[i] = scale * (2 * random.random() - 1));
  }
  const B = 1, T = 140;
  const pass = new Pass(model, B, T, { training: true });
  const x = Int32Array.from({ length: B * T }, () => Math.floor(random.random() * 19));
  const y = Int32Array.from(x, (_, i) => random.random() < 0.3 ? -1 : (x[i] * 3 + i) % 19);
  pass.batch.write(x, y);
  const lossSum = device.allocate("loss", [1]);
  const loss = () => {
    device.zero({ x: lossSum });
    pass.evaluate(lossSum, 1 / pass.batch.count);
    return data(lossSum)[0];
  };
  model.zeroGradients();
  pass.train(lossSum, 1);

  for (const { name, value, gradient } of model.parameters.values()) {
    const numbers = data(value), g = data(gradient!);
    // Whole-tensor check along a random direction, scaled so that a wrong element shows.
    const direction = numbers.map(() => 2 * random.random() - 1);
    const before = numbers.slice();
    const at = (h: number) => {
      numbers.forEach((_, i) => numbers[i] = before[i] + h * direction[i]);
      return loss();
    };
    const h = 2e-6;
    const slope = (at(h) - at(-h)) / (2 * h);
    numbers.set(before);
    const expected = g.reduce((sum, e, i) => sum + e * direction[i], 0);
    assertLess(Math.abs(slope - expected), 1e-6 * Math.abs(slope) + 1e-8, name);
  }
}
