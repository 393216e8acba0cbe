/**
 * An answer on a screen, while the model gives it.
 *
 * @module
 */
import { type ChatEvent, partMark } from "../engine/mod.ts";
import { harmless } from "../harmless.ts";
import type { Terminal } from "../tracking/mod.ts";

/** Where answers go. */
export interface AnswerOutput {
  /** Shows text as it comes. */
  write(text: string): void;
  /** Whether a terminal shows what is written. What goes elsewhere is the model's very text. */
  isShownOnTerminal: boolean;
  /** Says how words are coloured, and whether remarks are wanted. */
  terminal: Terminal;
}

/** Prints an answer as it comes, expressions and their results as `[6*7 = 42]`. */
export class AnswerPrinter {
  readonly #write: (text: string) => void;
  readonly #isShownOnTerminal: boolean;
  readonly #terminal: Terminal;
  #type: "text" | "python" | "python_output" = "text";

  /** Begins an answer. */
  constructor({ write, isShownOnTerminal, terminal }: AnswerOutput) {
    this.#write = write;
    this.#isShownOnTerminal = isShownOnTerminal;
    this.#terminal = terminal;
  }

  /** Prints what an event adds. */
  show(event: ChatEvent): void {
    if (event.type === "dropped") {
      const turns = event.turns === 1 ? "turn was" : `${event.turns} turns were`;
      this.#note(`(the context is full: the oldest ${turns} forgotten)\n`);
    } else if (event.type === "cut") {
      this.#change("text");
      this.#note(" (cut off here; the length of an answer and the context set the limit)");
    } else {
      this.#change(event.type);
      const text = this.#isShownOnTerminal ? harmless(event.text) : event.text;
      this.#write(event.type === "text" ? text : this.#terminal.style("cyan", text));
    }
  }

  /** Ends the answer. */
  end(stopped: boolean): void {
    this.#change("text");
    if (stopped) this.#note(" (stopped)");
    this.#write("\n");
  }

  #change(type: "text" | "python" | "python_output"): void {
    const mark = partMark(this.#type, type);
    if (mark !== "") this.#write(this.#terminal.style("cyan", mark));
    this.#type = type;
  }

  #note(text: string): void {
    if (!this.#terminal.quiet) this.#write(this.#terminal.style("dim", text));
  }
}
