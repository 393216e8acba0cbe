/** A server in a process of its own, which does not share the thread of those that ask it. */
import { UserError } from "../../lib/errors.ts";

/** How long it may take to begin to answer. */
const START_SECONDS = 120;

/** A server that runs until it is stopped. */
export class ServerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #drained: Promise<unknown>;
  #told = "";
  #url = "";
  #hasEnded = false;

  private constructor(args: readonly string[], env: Record<string, string>) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", ...args],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr, status } = this.#child;
    this.#drained = Promise.all([this.#drain(stdout), this.#drain(stderr)]);
    status.then(() => this.#hasEnded = true);
  }

  /**
   * Starts a program that serves on a free port of this machine and prints the address, and waits
   * until it says that it is well.
   *
   * @param args The program and its arguments.
   * @param env Variables that are added to its environment.
   * @throws {UserError} when it ends, or takes more than {@link START_SECONDS}.
   */
  static async start(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<ServerProcess> {
    const server = new ServerProcess(args, env);
    try {
      await server.#whenWell();
    } catch (error) {
      await server.stop("SIGKILL");
      throw error;
    }
    return server;
  }

  /** Where it serves, such as `http://127.0.0.1:8000`. */
  get url(): string {
    return this.#url;
  }

  /** Its port. */
  get port(): number {
    return Number(new URL(this.#url).port);
  }

  /** Everything that it printed. */
  get told(): string {
    return this.#told;
  }

  /** How many bytes of it are in memory (Linux's VmRSS). */
  async residentBytes(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  }

  /**
   * Sends it a signal, and waits for its end.
   *
   * @returns Its exit code.
   */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    if (!this.#hasEnded) this.#child.kill(signal);
    const { code } = await this.#child.status;
    await this.#drained;
    return code;
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#told += text;
  }

  async #whenWell(): Promise<void> {
    const signal = AbortSignal.timeout(START_SECONDS * 1000);
    while (!this.#hasEnded && !signal.aborted) {
      this.#url ||= /http:\/\/[^\s/]+:\d+/.exec(this.#told)?.[0] ?? "";
      if (this.#url !== "" && await isWell(this.#url)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await Promise.race([this.#drained, new Promise((resolve) => setTimeout(resolve, 100))]);
    throw new UserError(`the server does not answer:\n${this.#told.trim()}`);
  }
}

/** Whether a server says that it can answer. */
async function isWell(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok === true;
}
