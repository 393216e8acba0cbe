/**
 * Where Python comes from: Pyodide (https://pyodide.org), CPython compiled to WebAssembly.
 *
 * @module
 */

import { UserError } from "../../errors.ts";

/**
 * The package, as in `deno.json`. It is imported by this variable and not by its name there, so
 * that Deno downloads the 14 MB when they are first needed and not before.
 */
export const PYODIDE = "npm:pyodide@314.0.7";

/**
 * Downloads Pyodide if need be.
 *
 * @returns The URL of its main module, in the folder that holds all it reads.
 * @throws {UserError} If it is not there and cannot be downloaded.
 */
export async function installPyodide(): Promise<URL> {
  try {
    await import(PYODIDE);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new UserError(
      `Python programs need ${PYODIDE}, which could not be loaded (${reason}); ` +
        `with a network connection, run: deno cache ${PYODIDE}`,
    );
  }
  return new URL(import.meta.resolve(PYODIDE));
}
