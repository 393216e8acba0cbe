/** Keys of a terminal, and what is pasted into it told apart from them. */

import { Buffer } from "node:buffer";
import { PassThrough, type Readable } from "node:stream";
import { harmless } from "../lib/harmless.ts";

/** Bracketed paste: these ask a terminal for it and end it; those two stand around what is pasted. */
const ASK = "\x1b[?2004h", END = "\x1b[?2004l";
const PASTE_START = "\x1b[200~", PASTE_END = "\x1b[201~";

/**
 * Characters that Node's readline takes for the end of a line, and how they stand in one: a newline
 * as the symbol for it, the others, and that symbol itself, as characters that nobody else uses.
 */
const STAND_INS: readonly [character: string, standIn: string][] = [
  ["\u2424", "\u{f2424}"],
  ["\n", "\u2424"],
  ["\u2028", "\u{f2028}"],
  ["\u2029", "\u{f2029}"],
];

function toLine(text: string): string {
  return STAND_INS.reduce(
    (line, [character, standIn]) => line.replaceAll(character, standIn),
    text,
  );
}

/** What a line says whose newlines and the like are characters that stand for them. */
export function fromLine(line: string): string {
  return STAND_INS.toReversed().reduce(
    (text, [character, standIn]) => text.replaceAll(standIn, character),
    line,
  );
}

/** What comes from a terminal; Node's `process.stdin` is one. */
export interface Keyboard extends Readable {
  /** Whether each key is told at once, and not by lines. */
  setRawMode(isRaw: boolean): unknown;
}

/** What goes to a terminal; Node's `process.stdout` is one. */
export type Screen = NodeJS.WritableStream;

/**
 * The keys of a terminal for Node's readline, which knows nothing of pasting: every line end in what
 * is pasted would end the line. Here it comes whole, through `onPaste`.
 */
export class TerminalInput extends PassThrough {
  /** Told what was pasted, as a part of a line; see {@linkcode fromLine}. */
  onPaste: (part: string) => void = () => {};
  readonly #decoder = new TextDecoder();
  /** What was not dealt with: the head of a mark, or of what is pasted. */
  #rest = "";
  #isPasting = false;

  readonly #keyboard: Keyboard;
  readonly #screen: Screen;

  /** Takes a terminal over. */
  constructor(keyboard: Keyboard, screen: Screen) {
    super();
    this.#keyboard = keyboard;
    this.#screen = screen;
    keyboard.on("data", this.#take);
    keyboard.on("end", this.#finish);
    screen.write(ASK);
    globalThis.addEventListener("unload", this.#restore);
  }

  /** Readline's way to get each key at once. */
  setRawMode(isRaw: boolean): void {
    this.#keyboard.setRawMode(isRaw);
  }

  /** Gives the terminal back as it was. */
  close(): void {
    this.#keyboard.off("data", this.#take);
    this.#keyboard.off("end", this.#finish);
    this.#keyboard.pause();
    globalThis.removeEventListener("unload", this.#restore);
    this.#restore();
  }

  readonly #restore = () => {
    this.#screen.write(END);
  };

  readonly #finish = () => {
    this.emit("end");
  };

  readonly #take = (bytes: Uint8Array) => {
    this.#rest += this.#decoder.decode(bytes, { stream: true });
    for (;;) {
      const mark = this.#isPasting ? PASTE_END : PASTE_START;
      const at = this.#rest.indexOf(mark);
      if (at < 0) break;
      this.#pass(this.#rest.slice(0, at));
      this.#rest = this.#rest.slice(at + mark.length);
      this.#isPasting = !this.#isPasting;
    }
    if (this.#isPasting) return;
    // A mark may come in two pieces; a lone escape is a key.
    const begun = this.#rest.lastIndexOf("\x1b[");
    const isMark = begun >= 0 && PASTE_START.startsWith(this.#rest.slice(begun));
    const keys = isMark ? this.#rest.slice(0, begun) : this.#rest;
    this.#rest = this.#rest.slice(keys.length);
    this.#pass(keys);
  };

  /** Hands on keys, or all that was pasted; at once, so that they stay in order. */
  #pass(text: string): void {
    if (text === "") return;
    if (this.#isPasting) this.onPaste(toLine(harmless(text.replace(/\r\n?/g, "\n"))));
    else this.emit("data", Buffer.from(text.replace(/[\u2028\u2029\u2424]/g, toLine)));
  }
}
