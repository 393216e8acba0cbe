/** The reference's tiny models and the numbers that nanochat computed with them. */
import {
  parseMeta,
  readAll,
  readStateDict,
  SafetensorsFile,
  TorchFile,
} from "../../lib/checkpoint/mod.ts";
import type { ByteSource, Folder } from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { type ComputeType, GPT } from "../../lib/model/mod.ts";

/** What `expected.json` holds, as far as tests read it. */
export interface Expected {
  bpb: number;
  window_sizes: [number, number][];
  flops_per_token: number;
  num_scaling_params: Record<string, number>;
  steps: {
    loss: number;
    lr_multiplier: number;
    init_lr_frac: number;
    muon_momentum: number;
    groups: { kind: string; lr: number; shapes: number[][]; weight_decay: number }[];
  }[];
  greedy: { prompt: number[]; continuation: number[] };
}

/** A parity model on a device, with everything that is known about it. */
export interface ParityModel {
  model: GPT;
  /** Learning rates of its meta file. */
  userConfig: Record<string, number>;
  expected: Expected;
  /** Numbers of `expected.safetensors` by name; int32 ones too. */
  numbers(name: string): Float32Array;
  shape(name: string): readonly number[];
}

/** Loads one from its folder, with gradients, to compute in that type. Runs in a browser too. */
export async function parityModel(
  device: Device,
  folder: Folder,
  dtype: ComputeType = "float32",
): Promise<ParityModel> {
  const meta = parseMeta(await textOf(folder, "meta_000010.json"), folder.name);
  using file = await TorchFile.open(await open(folder, "model_000010.pt"));
  const { tensors, parts } = readStateDict(file, meta.modelConfig);
  const model = new GPT(device, meta.modelConfig, { parts, training: true, dtype });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  using numbers = await SafetensorsFile.open(await open(folder, "expected.safetensors"));
  const values = new Map<string, Float32Array>();
  const shapes = new Map<string, readonly number[]>();
  for (const [key, tensor] of numbers.tensors) {
    values.set(key, Float32Array.from(await tensor.read() as Float32Array));
    shapes.set(key, tensor.shape);
  }
  return {
    model,
    userConfig: meta.raw.user_config as Record<string, number>,
    expected: JSON.parse(await textOf(folder, "expected.json")),
    numbers: (key) => values.get(key)!,
    shape: (key) => shapes.get(key)!,
  };
}

async function open(folder: Folder, name: string): Promise<ByteSource> {
  const source = await folder.open(name);
  if (!source) throw new Error(`${folder.name} has no ${name}`);
  return source;
}

async function textOf(folder: Folder, name: string): Promise<string> {
  using source = await open(folder, name);
  return new TextDecoder().decode(await readAll(source));
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0, norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** max |a − b|. */
export function maxError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let max = 0;
  for (let i = 0; i < b.length; i++) max = Math.max(max, Math.abs(a[i] - b[i]));
  return max;
}
