/**
 * Where the models are: in the base directory, or in the one of a demonstration.
 *
 * @module
 */
import { join } from "@std/path";
import { CHECKPOINT_SOURCES, checkpointFolders } from "../checkpoint/mod.ts";

/** The demonstration's base directory within a base directory. */
export function demoDir(baseDir: string): string {
  return join(baseDir, "demo");
}

/** Whether a base directory has a folder, such as `base_checkpoints`. */
export async function holds(baseDir: string, folder: string): Promise<boolean> {
  return await Deno.stat(join(baseDir, folder)).then(() => true, () => false);
}

/** The folders of a base directory in which models of any kind lie. */
export function modelFolders(): string[] {
  return CHECKPOINT_SOURCES.flatMap(checkpointFolders);
}

/**
 * The same io for a command that uses models which are there: it looks into the demonstration's
 * base directory where the base directory has no models of its own but a demonstration was run.
 */
export async function whereModelsAre<Io extends { baseDir: string }>(io: Io): Promise<Io> {
  const own = await Promise.all(modelFolders().map((folder) => holds(io.baseDir, folder)));
  const demo = demoDir(io.baseDir);
  const useDemo = !own.includes(true) && await holds(demo, "base_checkpoints");
  return useDemo ? { ...io, baseDir: demo } : io;
}
