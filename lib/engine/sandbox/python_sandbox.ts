/**
 * Running Python programs that nobody has read, such as those a model writes for HumanEval.
 *
 * @module
 */

import { UserError } from "../../errors.ts";
import { unlessAborted } from "../../pause.ts";
import { makeSnapshot, PythonProcess, type PythonResult } from "./process.ts";
import { installPyodide } from "./pyodide.ts";

/** The limits of every program a sandbox runs. */
export interface PythonSandboxOptions {
  /** How long a program may run, in milliseconds; 5000 by default. */
  timeoutMs?: number;
  /** How much memory Python may have, the 30 MiB of the interpreter included; 256 by default. */
  memoryMiB?: number;
}

const LEAST_MEMORY_MIB = 64;
const MOST_MEMORY_MIB = 4096;

/**
 * Runs Python programs where they can do no harm, each in a fresh interpreter.
 *
 * A program runs in CPython compiled to WebAssembly (Pyodide, downloaded from npm when first
 * needed), which has a file system in memory, no processes and no network of its own. It cannot
 * reach JavaScript, and if it could: its interpreter lives in a process whose only permission is
 * to read Pyodide's files. The process is killed when the program has ended, takes too long or too
 * much memory, prints over 1 MiB, or when the process that uses the sandbox ends. The next process
 * waits, ready, meanwhile.
 *
 * Programs may be run at the same time; each process takes about 200 MB. The caller needs
 * permission to run Deno.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PythonSandbox } from "@nanochat/sft/engine/sandbox";
 *
 * await using sandbox = new PythonSandbox({ timeoutMs: 1000 });
 * const { success, stdout } = await sandbox.run("print(sum(range(10)))");
 * assertEquals([success, stdout], [true, "45\n"]);
 *
 * const failed = await sandbox.run("assert 1 + 1 == 3, 'no'");
 * assertEquals([failed.success, failed.error], [false, "AssertionError: no"]);
 * ```
 */
export class PythonSandbox implements AsyncDisposable {
  readonly #timeoutMs: number;
  readonly #memoryMiB: number;
  readonly #running = new Set<PythonProcess>();
  #source: Promise<{ pyodide: URL; snapshot: Uint8Array }> | null = null;
  #next: PythonProcess | null = null;
  readonly #closing = new AbortController();

  /**
   * Sets the limits; nothing is started or downloaded before the first program.
   *
   * @param options The limits.
   * @throws {UserError} If `memoryMiB` is not a whole number from 64 to 4096.
   */
  constructor({ timeoutMs = 5000, memoryMiB = 256 }: PythonSandboxOptions = {}) {
    if (
      !Number.isInteger(memoryMiB) || memoryMiB < LEAST_MEMORY_MIB || memoryMiB > MOST_MEMORY_MIB
    ) {
      throw new UserError(
        `memoryMiB is ${memoryMiB}, but Python's memory must be a whole number from ` +
          `${LEAST_MEMORY_MIB} to ${MOST_MEMORY_MIB}`,
      );
    }
    this.#timeoutMs = timeoutMs;
    this.#memoryMiB = memoryMiB;
  }

  /**
   * Runs a program as `exec(program, {})` does. Standard input is empty.
   *
   * The first call takes some seconds longer than the others.
   *
   * @param program Python source.
   * @returns What became of it; a program that fails is not an error.
   * @throws {UserError} If Pyodide is not there and cannot be downloaded.
   */
  async run(program: string): Promise<PythonResult> {
    const { pyodide, snapshot } = await (this.#source ??= this.#prepare());
    if (this.#closing.signal.aborted) throw new Error("the sandbox is closed");
    const start = () => PythonProcess.start(pyodide, snapshot, this.#memoryMiB);
    const process = this.#next ?? start();
    this.#next = start();
    this.#running.add(process);
    try {
      return await process.run(program, this.#timeoutMs);
    } finally {
      this.#running.delete(process);
    }
  }

  async #prepare(): Promise<{ pyodide: URL; snapshot: Uint8Array }> {
    const { signal } = this.#closing;
    const pyodide = await unlessAborted(installPyodide(), signal);
    return { pyodide, snapshot: await makeSnapshot(pyodide, signal) };
  }

  /** Kills whatever is running. Programs that were count as failed; no more can be run. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#source?.catch(() => {});
    await Promise.all([this.#next, ...this.#running].map((process) => process?.close()));
    this.#next = null;
  }

  /** The same as {@linkcode close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
