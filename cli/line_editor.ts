/** Lines that a person types, with the editing and history of Node's readline. */

import { createInterface, type Interface } from "node:readline";
import process from "node:process";

/** What Ctrl-C between two answers says. */
const HINT = "(Ctrl-D leaves)";

/** Reads lines from standard input. Where that is no terminal, nothing but lines is different. */
export class LineEditor {
  readonly #readline: Interface;
  readonly #lines: string[] = [];
  #ended = false;
  /** Told that there is a line, or the end. */
  #wake = () => {};
  /** Set while something can be interrupted. */
  #controller: AbortController | undefined;

  /** Takes standard input over. */
  constructor() {
    const isTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
    const streams = { input: process.stdin, output: process.stdout, terminal: isTerminal };
    this.#readline = createInterface({ ...streams, prompt: isTerminal ? "> " : "" });
    this.#readline.on("line", (line: string) => {
      this.#lines.push(line);
      this.#wake();
    });
    this.#readline.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
    this.#readline.on("SIGINT", () => {
      if (this.#controller) this.#controller.abort();
      else this.#startAnew();
    });
  }

  /** Throws away what was typed. */
  #startAnew(): void {
    for (const name of ["e", "u"]) this.#readline.write(null, { ctrl: true, name });
    console.log(`\n${HINT}`);
    this.#readline.prompt();
  }

  /** The next line; undefined at the end of the input, which is Ctrl-D on a terminal. */
  async readLine(): Promise<string | undefined> {
    if (!this.#ended) this.#readline.prompt();
    while (this.#lines.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#lines.shift();
  }

  /** Runs something that Ctrl-C stops. */
  async interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#controller = new AbortController();
    try {
      await run(this.#controller.signal);
    } finally {
      this.#controller = undefined;
    }
  }

  /** Gives standard input back. */
  close(): void {
    this.#readline.close();
  }
}
