/** nanochat's models by depth, on a device that only counts: their sizes without their memory. */
import type { Hardware } from "../../lib/device/mod.ts";
import { backwardOrder, GPT, type ModelConfig } from "../../lib/model/mod.ts";
import { type ParameterGroup, parameterGroups } from "../../lib/optim/mod.ts";

/** Learning rates change no size. */
const RATES = { embeddingLr: 0, unembeddingLr: 0, matrixLr: 0 };

/** A model in training, as ranks see it. */
export interface SizedModel {
  /** Its depth, as `d12`. */
  name: string;
  model: GPT;
  groups: ParameterGroup[];
  /** Names of the parameters whose gradients are final together, in that order. */
  buckets: string[][];
}

/** nanochat's newest shape of a depth: 64 channels a block, heads of 128, 32,768 tokens. */
export function configOf(nLayer: number): ModelConfig {
  const nEmbd = 64 * nLayer, nHead = nEmbd / 128;
  return {
    sequenceLen: 2048,
    vocabSize: 32768,
    nLayer,
    nHead,
    nKvHead: nHead,
    nEmbd,
    windowPattern: "SSSL",
  };
}

/** Makes a model of a shape; on a device that counts it takes no memory. */
export function sizedModel(device: Hardware, config: ModelConfig): SizedModel {
  const model = new GPT(device, config, { training: true });
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  return { name: `d${config.nLayer}`, model, groups, buckets: backwardOrder(model) };
}
