/** Models to be exported, as they are opened from a base directory. */
import { fromFileUrl, join } from "@std/path";
import {
  DiskFolder,
  openSafetensors,
  openTorchFile,
  readMeta,
} from "../../lib/checkpoint/disk/mod.ts";
import {
  type CheckpointSource,
  readStateDict,
  type StoredTensor,
} from "../../lib/checkpoint/mod.ts";
import type { StoredModel } from "../../lib/export/mod.ts";
import { type ModelParts, NEWEST_PARTS } from "../../lib/model_parts.ts";
import { parameterSpecs } from "../../lib/model/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { TOKENIZER_DIRECTORY } from "../tokenizer/reference.ts";

/** The fixtures' tokenizer. */
export const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));

/** The path of a folder of fixtures. */
export function fixtureFolder(name: string): string {
  return fromFileUrl(new URL(`../fixtures/${name}`, import.meta.url));
}

/** A model of a folder with `model_000010.pt`, with a tokenizer that need not be its own. */
export async function openFixture(
  name: string,
  source: CheckpointSource = "base",
): Promise<StoredModel> {
  const directory = fixtureFolder(name), step = 10;
  const [model, metaPath] = ["model_000010.pt", "meta_000010.json"].map((file) =>
    join(directory, file)
  );
  const meta = await readMeta(metaPath);
  const { modelConfig: config } = meta;
  const file = await openTorchFile(model);
  const { tensors, parts } = readStateDict(file, config);
  const names = parameterSpecs(config, parts).map(({ name }) => name);
  return {
    source,
    files: { directory, tag: "d4", step, model, meta: metaPath, optimizers: new Map() },
    meta,
    config,
    parts: { ...NEWEST_PARTS, ...parts as ModelParts },
    tensors: new Map(names.map((name) => [name, tensors.get(name)!])),
    tokenizer,
    [Symbol.dispose]: () => file.close(),
  };
}

/** Numbers of a safetensors file by name. */
export async function numbersOf(path: string): Promise<Map<string, StoredTensor>> {
  using file = await openSafetensors(path);
  return new Map(file.tensors);
}
