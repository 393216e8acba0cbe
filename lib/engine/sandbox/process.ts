/**
 * One process with one Python interpreter, for one program.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import childSource from "./child.ts" with { type: "text" };
import interpreterSource from "./interpreter.ts" with { type: "text" };
import snapshotSource from "./snapshot.ts" with { type: "text" };

/** What became of a program. */
export interface PythonResult {
  /** Whether the program ran to its end without an exception, within its limits. */
  success: boolean;
  /** What it printed, at most 1 MiB. Standard error is dropped. */
  stdout: string;
  /** The exception as `Name: message`, or the limit it went over; null if it succeeded. */
  error: string | null;
  /** Whether it was killed for taking too long. */
  timedOut: boolean;
  /** Whether it ended for want of memory. */
  memoryExceeded: boolean;
}

/** An answer of the child's; see `interpreter.ts`. */
interface Answer {
  ready?: true;
  stdout?: string;
  error?: string | null;
}

const PAGES_PER_MIB = 16;

/** The scripts carry their source in their URL: they run the same from a disk and from JSR. */
function scriptUrl(source: string): string {
  return `data:application/typescript,${encodeURIComponent(source)}`;
}

/** A Deno that may read Pyodide's folder and nothing else: no network, no writing, no programs. */
function command(
  pyodide: URL,
  v8Flags: string[],
  script: string,
  args: string[],
  options: Deno.CommandOptions,
): Deno.Command {
  const folder = fromFileUrl(new URL(".", pyodide));
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--no-npm", "--no-remote"],
      `--v8-flags=${["--disallow-code-generation-from-strings", ...v8Flags].join(",")}`,
      `--allow-read=${folder}`,
      scriptUrl(script),
      ...args,
    ],
    cwd: folder,
    ...options,
  });
}

/**
 * Starts Python once and keeps its memory.
 *
 * @param pyodide The URL of Pyodide's main module.
 * @param signal Kills it when aborted.
 * @returns About 30 MB, for {@linkcode PythonProcess.start}.
 */
export async function makeSnapshot(pyodide: URL, signal: AbortSignal): Promise<Uint8Array> {
  const { success, stdout, stderr } = await command(pyodide, [], snapshotSource, [pyodide.href], {
    stdin: "null",
    signal,
  }).output();
  if (!success) throw new Error(`Python did not start: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** A process with a Python interpreter that waits for its program. */
export class PythonProcess {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: ReadableStreamDefaultReader<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#answers = child.stdout
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream())
      .getReader();
  }

  /**
   * Starts a process. It does not keep the program that started it from ending.
   *
   * @param pyodide The URL of Pyodide's main module.
   * @param snapshot What {@linkcode makeSnapshot} gave.
   * @param memoryMiB The limit of Python's memory, and of how much the process may grow.
   */
  static start(pyodide: URL, snapshot: Uint8Array, memoryMiB: number): PythonProcess {
    const child = command(
      pyodide,
      [`--wasm-max-mem-pages=${memoryMiB * PAGES_PER_MIB}`],
      childSource,
      [
        scriptUrl(interpreterSource),
        pyodide.href,
        String(snapshot.length),
        String(memoryMiB * 2 ** 20),
      ],
      { stdin: "piped", stdout: "piped", stderr: "null" },
    ).spawn();
    child.unref();
    const process = new PythonProcess(child);
    process.#write(snapshot);
    return process;
  }

  /** A process that was killed does not read to the end, which is no error. */
  #write(bytes: Uint8Array): void {
    this.#stdin.write(bytes).catch(() => {});
  }

  async #answer(): Promise<Answer> {
    const { value } = await this.#answers.read();
    return value === undefined ? { error: "Python was killed" } : JSON.parse(value);
  }

  /**
   * Waits until Python is up, runs a program, and kills the process.
   *
   * @param program Python source.
   * @param timeoutMs How long it may run once Python is up.
   */
  async run(program: string, timeoutMs: number): Promise<PythonResult> {
    this.#child.ref();
    const { ready, error } = await this.#answer();
    if (!ready) throw new Error(`Python did not start: ${error}`);
    this.#write(new TextEncoder().encode(JSON.stringify(program) + "\n"));

    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#kill();
    }, timeoutMs);
    try {
      const result = await this.#result();
      if (!timedOut) return result;
      const error = `the program was still running after ${timeoutMs / 1000} seconds`;
      return { ...result, success: false, error, timedOut };
    } finally {
      clearTimeout(timer);
      await this.close();
    }
  }

  async #result(): Promise<PythonResult> {
    let stdout = "";
    while (true) {
      const answer = await this.#answer();
      stdout += answer.stdout ?? "";
      const error = answer.error;
      if (error === undefined) continue;
      const memoryExceeded = error?.startsWith("MemoryError") ?? false;
      return { success: error === null, stdout, error, timedOut: false, memoryExceeded };
    }
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It had ended by itself.
    }
  }

  /** Kills the process, whatever it is doing, and waits for its end. */
  async close(): Promise<void> {
    this.#kill();
    this.#child.ref();
    await this.#child.status;
    await this.#answers.cancel().catch(() => {});
    await this.#stdin.abort().catch(() => {});
  }
}
