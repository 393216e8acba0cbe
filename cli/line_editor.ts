/** What a person types or pastes, with the editing and history of Node's readline. */

import { createInterface, type Interface } from "node:readline";
import process from "node:process";
import { readLines, type TextLine } from "../lib/json_lines.ts";
import { fromLine, type Keyboard, type Screen, TerminalInput } from "./terminal_input.ts";

/** What Ctrl-C between two answers says. */
const HINT = "(Ctrl-D leaves)";

/** Where what a person says comes from. */
export interface LineSource {
  /**
   * What is said next: a line, or several that were pasted together. Undefined at the end of the
   * input, which is Ctrl-D on a terminal.
   */
  readLine(): Promise<string | undefined>;
  /** Runs something that Ctrl-C stops. */
  interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void>;
  /** Gives standard input back. */
  close(): void;
}

/** Standard input, with editing where it is a terminal. */
export function openLines(): LineSource {
  const isTerminal = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  return isTerminal ? new LineEditor(process.stdin, process.stdout) : new PipedLines();
}

/** Lines from a file or a program. */
class PipedLines implements LineSource {
  readonly #lines: AsyncGenerator<TextLine> = readLines(Deno.stdin.readable, "standard input");

  async readLine(): Promise<string | undefined> {
    const { value } = await this.#lines.next();
    return value?.text;
  }

  async interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    await run(new AbortController().signal); // Ctrl-C ends the program
  }

  close(): void {
    this.#lines.return(undefined);
  }
}

/** Lines from a terminal. */
export class LineEditor implements LineSource {
  readonly #input: TerminalInput;
  readonly #screen: Screen;
  readonly #readline: Interface;
  readonly #lines: string[] = [];
  #ended = false;
  /** Told that there is a line, or the end. */
  #wake = () => {};
  /** Set while something can be interrupted. */
  #controller: AbortController | undefined;

  /** Takes a terminal over. */
  constructor(keyboard: Keyboard, screen: Screen) {
    this.#screen = screen;
    this.#input = new TerminalInput(keyboard, screen);
    const streams = { input: this.#input, output: screen, terminal: true };
    this.#readline = createInterface({ ...streams, prompt: "> " });
    this.#input.onPaste = (part) => this.#readline.write(part);
    this.#readline.on("line", (line: string) => {
      this.#lines.push(fromLine(line));
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
    this.#screen.write(`\n${HINT}\n`);
    this.#readline.prompt();
  }

  /** See {@linkcode LineSource.readLine}. */
  async readLine(): Promise<string | undefined> {
    if (!this.#ended) this.#readline.prompt();
    while (this.#lines.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#lines.shift();
  }

  /** See {@linkcode LineSource.interruptible}. */
  async interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#controller = new AbortController();
    try {
      await run(this.#controller.signal);
    } finally {
      this.#controller = undefined;
    }
  }

  /** See {@linkcode LineSource.close}. */
  close(): void {
    this.#readline.close();
    this.#input.close();
  }
}
