/** How far the adapter is from the numbers that nanochat computed. */
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import { parityModel } from "../../tests/model/parity.ts";
import { checkForward, checkTraining } from "../../tests/model/parity_checks.ts";
import { PARITY_MODELS, parityFolder } from "../../tests/model/parity_folders.ts";
import { measureForward, measureTraining } from "../../tests/model/parity_measures.ts";
import type { Row, Settings } from "./part.ts";

/** The largest errors of forward passes, and of three optimizer steps. */
export async function* parity(
  provider: WebGpuProvider,
  { short }: Settings,
): AsyncGenerator<Row> {
  const device = await createWebGpuDevice({ gpu: await webGpuOf(provider) });
  for (const name of short ? PARITY_MODELS.slice(0, 1) : PARITY_MODELS) {
    const parity = await parityModel(device, parityFolder(name));
    const forward = await measureForward(parity);
    yield {
      provider,
      model: name,
      logits: forward.logits,
      losses: forward.losses,
      "as wanted": verdict(() => checkForward(forward, parity.expected)),
    };
    if (short) continue;
    const training = await measureTraining(parity);
    const most = (errors: Record<string, number>) => Math.max(...Object.values(errors));
    yield {
      provider,
      model: `${name}, trained`,
      gradients: most(training.gradients),
      "steps' changes": Math.max(...training.changes.map(most)),
      "as wanted": verdict(() => checkTraining(training, parity.expected)),
    };
    parity.model.free();
  }
}

function verdict(check: () => void): string {
  try {
    check();
    return "yes";
  } catch (error) {
    return `no: ${(error as Error).message.split("\n")[0]}`;
  }
}
