/** Lines of text and, below them, one line that is rewritten. */

import { harmless } from "../harmless.ts";

/** What a {@linkcode Terminal} is made of. */
export interface TerminalOptions {
  /** Writes text to standard output. */
  stdout(text: string): void;
  /** Writes text to standard error. */
  stderr(text: string): void;
  /** Whether standard error is a terminal, on which a line can be rewritten. */
  isTerminal: boolean;
  /** Width of the terminal, in columns. */
  columns(): number;
  /** Whether to use colours. */
  colors: boolean;
  /** Whether to leave out everything but results and warnings. */
  quiet: boolean;
  /** The time, in milliseconds. */
  now(): number;
}

/** A colour or weight of text. */
export type TextStyle = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** The codes (ECMA-48, SGR) that begin and end each style. */
const STYLE_CODES: Readonly<Record<TextStyle, [begin: number, end: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

const CLEAR_LINE = "\r\x1b[K";

/** The codes of colours and weights, those of {@linkcode STYLE_CODES} and bright ones. */
// deno-lint-ignore no-control-regex
const STYLE_CODE = /(\x1b\[(?:0|1|2|22|3[1-9]|9[1-7])m)/;

/** A line whose only codes are colours; files may have any name, and libraries quote any data. */
function printable(line: string): string {
  // A capturing split alternates between the text outside and the codes.
  return line.split(STYLE_CODE).map((part, i) => i % 2 === 0 ? harmless(part) : part).join("");
}

/** A message, which is one line. */
function oneLine(message: string): string {
  return harmless(message).replaceAll("\n", "\\n");
}

/**
 * The console of a run: results and information go to standard output, warnings to standard
 * error, and a status line (progress) stays below them all where there is a terminal. Control
 * characters are written out, colours in a line excepted: text of data is to go through `harmless`.
 */
export class Terminal {
  readonly #options: TerminalOptions;
  #status = "";

  /** Takes the streams and settings. */
  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  /** Whether a status line can be shown. */
  get isTerminal(): boolean {
    return this.#options.isTerminal;
  }

  /** Whether colours are used. */
  get colors(): boolean {
    return this.#options.colors;
  }

  /** Whether only results and warnings are printed. */
  get quiet(): boolean {
    return this.#options.quiet;
  }

  /** Width in columns. */
  get columns(): number {
    return this.#options.columns();
  }

  /** The time, in milliseconds. */
  now(): number {
    return this.#options.now();
  }

  /** Prints a line that was asked for, even when quiet. */
  print(line: string): void {
    this.#above(() => this.#options.stdout(printable(line) + "\n"));
  }

  /** Prints a line about how things go, unless quiet. */
  info(line: string): void {
    if (!this.quiet) this.print(line);
  }

  /** Prints a warning to standard error, even when quiet. */
  warn(line: string): void {
    this.#above(() =>
      this.#options.stderr(`${this.style("yellow", "warning:")} ${oneLine(line)}\n`)
    );
  }

  /** Prints an error to standard error, even when quiet. */
  error(line: string): void {
    this.#above(() => this.#options.stderr(`${this.style("red", "error:")} ${oneLine(line)}\n`));
  }

  /** Replaces the status line; `""` removes it. Without a terminal, or quiet, does nothing. */
  status(text: string): void {
    if (!this.isTerminal || this.quiet || text === this.#status) return;
    this.#options.stderr(CLEAR_LINE + printable(text));
    this.#status = text;
  }

  /** The text in a colour or weight, or as it is where colours are off. */
  style(style: TextStyle, text: string): string {
    if (!this.#options.colors) return text;
    const [begin, end] = STYLE_CODES[style];
    return `\x1b[${begin}m${text}\x1b[${end}m`;
  }

  #above(write: () => void): void {
    const status = this.#status;
    this.status("");
    write();
    this.status(status);
  }
}
