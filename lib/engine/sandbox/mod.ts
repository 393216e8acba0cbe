/**
 * Running the Python programs that a model writes, where they can do no harm. It starts processes
 * of Deno's, so it does not run in a browser.
 *
 * @module
 */

export type { PythonResult } from "./process.ts";
export { PythonSandbox, type PythonSandboxOptions } from "./python_sandbox.ts";
