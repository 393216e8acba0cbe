/**
 * The tiny base model that ships with the package, and its tokenizer: what a run begins with where
 * there is no other.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { StagedFile } from "../checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { holds } from "./model_folders.ts";

/** Where it lies in the package. */
const SHIPPED_BASE = new URL("../../data/base/", import.meta.url);

/** Its files; the deciding one comes last. */
const BASE_FILES = [
  "tokenizer/tokenizer.pkl",
  "tokenizer/token_bytes.pt",
  "base_checkpoints/d4/model_001000.pt",
  "base_checkpoints/d4/meta_001000.json",
];

/** Whether a run that asks for no model in particular has none here and takes the shipped one. */
export async function needsShippedBase(
  { source, modelTag }: { source: CheckpointSource; modelTag: string | undefined },
  baseDir: string,
): Promise<boolean> {
  return source === "base" && modelTag === undefined && !await holds(baseDir, "base_checkpoints");
}

/**
 * Places it in a base directory; files that are there stay as they are.
 *
 * @throws {UserError} when a file cannot be read from the package or written.
 */
export async function placeShippedBase(baseDir: string): Promise<void> {
  for (const name of BASE_FILES) {
    await placeFile(join(baseDir, name), () => openShipped(new URL(name, SHIPPED_BASE)));
  }
}

async function openShipped(url: URL): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(url).catch(() => undefined);
  if (!response?.ok) throw new UserError(`cannot read the shipped model's file ${url}`);
  return response.body!;
}

/**
 * Writes a file, whole or not at all, unless it is there.
 *
 * @param open Opens what it gets.
 * @throws {UserError} when it cannot be written.
 */
export async function placeFile(
  path: string,
  open: () => Promise<ReadableStream<Uint8Array>>,
): Promise<void> {
  if (await Deno.stat(path).then(() => true, () => false)) return;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw new UserError(`${dirname(path)} cannot be made: ${(error as Error).message}`);
  }
  await using file = await StagedFile.create(path);
  for await (const bytes of await open()) await file.write(bytes);
  await file.commit();
}
