/** Models that each of nanochat's architectures wrote, and the numbers that its own code computed. */
import { fromFileUrl, join } from "@std/path";
import { openSafetensors, openTorchFile, readMeta } from "../../lib/checkpoint/disk/mod.ts";
import {
  checkParameters,
  type CheckpointMeta,
  readStateDict,
  type Said,
  type StateDict,
  type TorchFile,
} from "../../lib/checkpoint/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { GPT, type ModelParts, parameterSpecs } from "../../lib/model/mod.ts";

const ROOT = fromFileUrl(new URL("../fixtures/eras", import.meta.url));

/** The name of each folder. */
export const ERA_FOLDERS: string[] = [...Deno.readDirSync(ROOT)]
  .filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();

/** The path of a folder. */
export const eraFolder = (name: string): string => join(ROOT, name);

/** What `expected.json` says that no number of `expected.safetensors` does. */
interface ExpectedEra {
  /** What a person must say, for the files do not, as flags of the command line. */
  flags?: { softcap?: number; window_pattern?: string };
  window_sizes: number[] | null;
  /** How many numbers the model's parameters are. */
  parameters: number;
}

/** What was computed, by name. */
export interface EraNumbers {
  values: ReadonlyMap<string, Float32Array>;
  shapes: ReadonlyMap<string, readonly number[]>;
}

/** What a folder says. */
export async function readEra(
  name: string,
): Promise<{ meta: CheckpointMeta; expected: ExpectedEra; numbers: EraNumbers }> {
  const folder = eraFolder(name);
  const expected: ExpectedEra = JSON.parse(await Deno.readTextFile(join(folder, "expected.json")));
  using file = await openSafetensors(join(folder, "expected.safetensors"));
  const values = new Map<string, Float32Array>(), shapes = new Map<string, readonly number[]>();
  for (const [key, tensor] of file.tensors) {
    values.set(key, Float32Array.from(await tensor.read() as Float32Array));
    shapes.set(key, tensor.shape);
  }
  const meta = await readMeta(join(folder, "meta_000010.json"));
  return { meta, expected, numbers: { values, shapes } };
}

/** Opens the model of step 10 in a folder, which is one of nanochat and complete. */
export async function openEra(
  folder: string,
  said: Said = {},
): Promise<StateDict & { file: TorchFile; meta: CheckpointMeta }> {
  const meta = await readMeta(join(folder, "meta_000010.json"));
  const file = await openTorchFile(join(folder, "model_000010.pt"));
  const opened = readStateDict(file, meta.modelConfig, { meta: meta.raw, ...said });
  checkParameters(opened.tensors, parameterSpecs(opened.era.config, opened.parts), file.name);
  return { ...opened, file, meta };
}

/** Opens the model of one of {@link ERA_FOLDERS}, told what its files do not say, and loads it. */
export async function loadEra(
  device: Device,
  name: string,
  options: { parts?: Partial<ModelParts>; training?: boolean } = {},
): Promise<{ model: GPT; era: StateDict["era"]; said: Said }> {
  const { expected: { flags } } = await readEra(name);
  const said = { softcap: flags?.softcap, windowPattern: flags?.window_pattern };
  const opened = await openEra(eraFolder(name), said);
  using _ = opened.file;
  const { tensors, parts, era } = opened;
  const model = new GPT(device, era.config, {
    parts: { ...parts, ...options.parts },
    training: options.training,
  });
  await model.load((name, start, count) => tensors.get(name)!.readFloat32(start, count));
  return { model, era, said };
}
