/** The models with random weights that the reference's numbers are about. */
import { fromFileUrl } from "@std/path";
import { readMeta, readStateDict, TorchFile } from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { GPT } from "../../lib/model/mod.ts";

/** Their folders: full attention, and sliding windows with grouped queries. */
export const PARITY_MODELS = ["mha_full", "gqa_sliding"] as const;

/** A file of one of them. */
export function parityFile(model: string, file: string): string {
  return fromFileUrl(new URL(`../fixtures/parity/${model}/${file}`, import.meta.url));
}

/** Loads one onto a device. */
export async function loadParityModel(
  device: Device,
  name: string,
  options: { training?: boolean } = {},
): Promise<GPT> {
  const { modelConfig } = await readMeta(parityFile(name, "meta_000010.json"));
  using file = await TorchFile.open(parityFile(name, "model_000010.pt"));
  const { tensors, parts } = readStateDict(file, modelConfig);
  const model = new GPT(device, modelConfig, { parts, ...options });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  return model;
}
