/** Three optimizer steps of a parity model. Runs in a browser too. */
import type { Device, Tensor } from "../../lib/device/mod.ts";
import { backoutLayer, type GPT, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import type { ParityModel } from "./parity.ts";

/** What a step gave, by parameter; those of which only noise could be compared are left out. */
export interface TrainingStep {
  step: number;
  loss: number;
  /** Of each counted target. */
  losses: Float32Array;
  /** Times the scale of the loss. */
  gradients: Map<string, Float32Array>;
  /** Parameters before and after the optimizer's step. */
  before: Map<string, Float32Array>;
  after: Map<string, Float32Array>;
}

/**
 * Trains the model as nanochat trained it.
 *
 * @param lossScale What gradients are multiplied by until the optimizer takes them.
 */
export async function* train(parity: ParityModel, lossScale = 1): AsyncGenerator<TrainingStep> {
  const { model, expected, userConfig, numbers, shape } = parity;
  const { device } = model;
  const [B, T] = shape("x");
  const pass = new Pass(model, B, T, { training: true });
  const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, {
    embeddingLr: userConfig.embedding_lr,
    unembeddingLr: userConfig.unembedding_lr,
    matrixLr: userConfig.matrix_lr,
    initLrFrac: expected.steps[0].init_lr_frac,
  });
  const optimizer = new Optimizer(device, groups);
  const lossSum = device.allocate("loss", [1]);
  const parameters = [...model.parameters.values()].filter(({ name }) => !isNoise(model, name));
  const read = async (which: "value" | "gradient") =>
    new Map(
      await Promise.all(parameters.map(async (parameter) =>
        [parameter.name, await floats(device, parameter[which]!)] as const
      )),
    );
  for (const [step, { lr_multiplier, muon_momentum }] of expected.steps.entries()) {
    const batch = step === 0 ? "" : `step${step}.`;
    pass.batch.write(Int32Array.from(numbers(`${batch}x`)), Int32Array.from(numbers(`${batch}y`)));
    model.zeroGradients();
    device.zero({ x: lossSum });
    pass.train(lossSum, 1, lossScale);
    device.submit();
    const [loss] = await floats(device, lossSum);
    const losses = (await floats(device, pass.head.losses)).subarray(0, pass.batch.count);
    const before = await read("value"), gradients = await read("gradient");
    optimizer.step(lr_multiplier, muon_momentum, lossSum, 1 / lossScale);
    yield { step, loss, losses, gradients, before, after: await read("value") };
  }
  device.free(lossSum);
  optimizer.free();
  pass.free();
}

/**
 * Whether the gradient of a parameter is only rounding noise: where the remembered layer is the
 * last, the final norm takes the scale of backout out again.
 */
function isNoise({ config }: GPT, parameter: string): boolean {
  return parameter === "backout_lambda" && backoutLayer(config) === config.nLayer - 1;
}

/** Numbers of a tensor on a device. */
export async function floats(device: Device, tensor: Tensor): Promise<Float32Array> {
  return await device.read(tensor) as Float32Array;
}
