/** Where the parity models are on the disk. */
import { fromFileUrl } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";

/** The folders of the fixtures. */
export const PARITY_MODELS = ["gqa_sliding", "mha_full"] as const;

/** The folder of a fixture. */
export function parityFolder(name: typeof PARITY_MODELS[number]): DiskFolder {
  return new DiskFolder(fromFileUrl(new URL(`../fixtures/parity/${name}`, import.meta.url)));
}
