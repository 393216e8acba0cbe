/**
 * Remembering what was measured of graphics cards, so that the next run need not measure.
 *
 * @module
 */
import { join } from "@std/path";
import type { Measurements } from "../device/mod.ts";
import { readMemory, writeMemory } from "./json_memory.ts";

/** Name of the file in the base directory. */
const FILE = "adapters.json";

/** Measurements in `adapters.json` of a base directory, for {@link openDevice}. */
export function adapterMemory(baseDir: string): Measurements {
  const path = join(baseDir, FILE);
  return {
    load: async (key) => (await readMemory(path))[key],
    // Another process may have measured another adapter meanwhile.
    save: async (key, value) =>
      await writeMemory(path, { ...await readMemory(path), [key]: value }),
  };
}
