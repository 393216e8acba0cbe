/**
 * nanochat's own fine-tuning of a `d4`: where its numbers lie, and the flags of its log. The base
 * directory is too large for this repository.
 */
import { join } from "@std/path";

/** What nanochat computed. */
export const REFERENCE: string = join(import.meta.dirname!, "../../../shared/reference");
/** What it began with. */
export const BASE_DIR: string = join(REFERENCE, "base_dir");
/** Whether both are there. */
export const isThere: boolean = await Deno.stat(BASE_DIR).then(() => true, () => false);

/** The flags of the reference's log. */
export const FLAGS = {
  modelTag: "d4",
  numIterations: 400,
  deviceBatchSize: 4,
  totalBatchSize: 4096,
  evalEvery: 10,
  evalTokens: 16384,
  chatcoreEvery: -1,
  simpleSpellingSize: 0,
  spellingBeeSize: 0,
};
