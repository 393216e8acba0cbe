import { TextLineStream } from "@std/streams";
import { UserError } from "../../lib/errors.ts";

/** A Python program that stays up and answers a line with a line. */
export class Python {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  /**
   * Starts `python3` with these arguments and as many threads of OpenMP and of OpenBLAS as given; the
   * kernels of its BLAS are its own choice.
   *
   * @param stderr Where its complaints go.
   * @throws {UserError} If there is no `python3`.
   */
  constructor(
    args: string[],
    threads: { openMp: number; blas: number },
    stderr: "null" | "inherit",
  ) {
    const { OPENBLAS_CORETYPE: _, ...env } = Deno.env.toObject();
    const command = new Deno.Command("python3", {
      args,
      clearEnv: true,
      env: {
        ...env,
        OPENBLAS_NUM_THREADS: `${threads.blas}`,
        OMP_NUM_THREADS: `${threads.openMp}`,
      },
      stdin: "piped",
      stdout: "piped",
      stderr,
    });
    try {
      this.#process = command.spawn();
    } catch (error) {
      throw new UserError(`python3 did not start: ${(error as Error).message}`);
    }
    this.#writer = this.#process.stdin.getWriter();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
  }

  /** Sends a line and returns the next line of output; nothing if the program has ended. */
  async ask(line: string): Promise<string | undefined> {
    try {
      await this.#writer.write(new TextEncoder().encode(`${line}\n`));
    } catch {
      return undefined;
    }
    return (await this.#reader.read()).value;
  }

  close(): void {
    this.#process.kill();
  }
}
