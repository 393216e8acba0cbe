/** Models to be exported, as they are opened from a base directory. */
import { join } from "@std/path";
import { checkpointFiles, DiskFolder, fileNames } from "../../lib/checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../../lib/checkpoint/mod.ts";
import type { StoredModel } from "../../lib/export/mod.ts";
import { openFiles } from "../../lib/export/stored_model.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { TOKENIZER_DIRECTORY } from "../tokenizer/reference.ts";

/** The fixtures' tokenizer. */
export const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));

/** The model in a folder of fixtures, with a tokenizer that need not be its own. */
export async function openFixture(
  folder: string,
  { source = "base", softcap }: { source?: CheckpointSource; softcap?: number } = {},
): Promise<StoredModel> {
  const files = checkpointFiles(await fileNames(folder), folder);
  return await openFiles(files, { source, tokenizer }, { softcap });
}

/** The path of a file in a folder of fixtures. */
export function fixture(...names: string[]): string {
  return join(import.meta.dirname!, "../fixtures", ...names);
}
