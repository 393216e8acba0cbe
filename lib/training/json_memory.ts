/**
 * Files in the base directory that remember what can be found again.
 *
 * @module
 */
import { dirname } from "@std/path";
import { StagedFile } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";

/** What a file remembers, by keys; nothing, where it is missing or damaged. */
export async function readMemory(path: string): Promise<Record<string, unknown>> {
  let values: unknown;
  try {
    values = JSON.parse(await Deno.readTextFile(path));
  } catch {
    // Whatever it is, finding it again is right.
  }
  return { ...Object(values) };
}

/** Writes it, at once or not at all; where nothing can be written, it is found again next time. */
export async function writeMemory(path: string, values: Record<string, unknown>): Promise<void> {
  try {
    // Where that fails, so does the next line, and says it.
    await Deno.mkdir(dirname(path), { recursive: true }).catch(() => {});
    await using file = await StagedFile.create(path);
    await file.write(new TextEncoder().encode(JSON.stringify(values, null, 2) + "\n"));
    await file.commit();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}
