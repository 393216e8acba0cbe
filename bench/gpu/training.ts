/** Steps of training: their speed, and the memory that they were to take and took. */
import type { Hardware } from "../../lib/device/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import { UserError } from "../../lib/errors.ts";
import { type ComputeType, GPT, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { benchConfig, fillAtRandom, madeUpTokens, RATES } from "./models.ts";
import type { Row, Settings } from "./part.ts";

/** Rows of a micro-batch, most first: as many as there is room for. */
export const MOST_ROWS = [16, 8, 4, 2, 1];

/** Steps are taken for so long, in seconds, once the first are over. */
export const STEPS_SECONDS = 4;
/** The first ones compile kernels and touch memory. */
export const warmupSteps = ({ short }: Settings) => short ? 1 : 2;

/** Muon's momentum. */
const MOMENTUM = 0.95;

/** A model in training. */
interface Trainer {
  model: GPT;
  /** A micro-batch and a step of the optimizer, waited for; gives the loss. */
  step(): Promise<number>;
}

function trainerOn(device: Hardware, settings: Settings, dtype: ComputeType, B: number): Trainer {
  const config = benchConfig(settings), T = config.sequenceLen;
  const model = new GPT(device, config, { training: true, dtype });
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  const optimizer = new Optimizer(device, groups);
  const pass = new Pass(model, B, T, { training: true });
  const loss = device.allocate("loss", [1]);
  const tokens = madeUpTokens(B * T + 1, config.vocabSize);
  const step = async () => {
    pass.batch.write(tokens.subarray(0, -1), tokens.subarray(1));
    model.zeroGradients();
    device.zero({ x: loss });
    pass.train(loss, 1);
    device.submit();
    optimizer.step(1, MOMENTUM, loss);
    return (await device.read(loss))[0];
  };
  return { model, step };
}

/** Trains in a type for some seconds. */
export async function* training(
  provider: WebGpuProvider,
  dtype: ComputeType,
  settings: Settings,
): AsyncGenerator<Row> {
  const device = await createWebGpuDevice({ gpu: await webGpuOf(provider) });
  for (const B of settings.short ? [1] : MOST_ROWS) {
    const counted = device.counting();
    await trainerOn(counted, settings, dtype, B).step();
    if (!await device.fits(counted)) continue;
    const { model, step } = trainerOn(device, settings, dtype, B);
    await fillAtRandom(model);
    let loss = 0;
    for (let i = 0; i < warmupSteps(settings); i++) loss = await step();
    const most = settings.short ? 0 : STEPS_SECONDS;
    const start = performance.now();
    let steps = 0, seconds = 0;
    do {
      loss = await step();
      seconds = (performance.now() - start) / 1000;
      steps++;
    } while (seconds < most);
    const tokens = B * model.config.sequenceLen, rate = steps * tokens / seconds;
    const peak = device.peakFlops![dtype === "float16" ? dtype : "float32"];
    yield {
      by: provider,
      dtype,
      rows: B,
      "tokens/s": rate,
      "ms a step": 1000 * seconds / steps,
      loss,
      "mfu, %": 100 * rate * model.flopsPerToken / peak,
      "GiB planned": counted.memory.peak / 2 ** 30,
      "GiB taken": device.memory.peak / 2 ** 30,
      "GiB, says the driver": await driverMemory(),
    };
    return;
  }
  throw new UserError("there is no memory for one row");
}

/** What all programs take of a GPU, in GiB, where NVIDIA's driver tells. */
async function driverMemory(): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("nvidia-smi", {
      args: ["--query-gpu=memory.used", "--format=csv,noheader,nounits"],
    }).output();
    return Number(new TextDecoder().decode(stdout).split("\n")[0]) / 1024;
  } catch {
    return undefined;
  }
}
