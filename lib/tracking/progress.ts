/** How far a long job is: a bar on a terminal, a line now and then in a pipe. */

import { unicodeWidth } from "@std/cli/unicode-width";
import type { Terminal } from "./terminal.ts";

/** What a {@linkcode Progress} counts. */
export interface ProgressOptions {
  /** What is being done, such as `"Tokenizing"`. */
  label: string;
  /** How many there are in all; undefined where that is not known. */
  total?: number;
  /** What is counted: `"B"` prints bytes as kB, MB, GB; anything else is put behind the number. */
  unit: string;
  /** How many were done already, in an earlier attempt. Default: 0. */
  start?: number;
}

/** Milliseconds between two drawings of the bar, and between two lines in a pipe. */
const BAR_INTERVAL = 100;
const LINE_INTERVAL = 10_000;
/** Columns of the bar; it is left out where fewer than the least are free. */
const BAR_COLUMNS = 24;
const LEAST_BAR_COLUMNS = 6;

/**
 * Shows the progress of one job with its rate and the time left. On a terminal the status line is
 * redrawn, in a pipe a plain line is printed every ten seconds, and a quiet terminal shows nothing.
 */
export class Progress {
  readonly #terminal: Terminal;
  readonly #options: ProgressOptions;
  readonly #startTime: number;
  #lastTime: number;

  /** Starts the clock. */
  constructor(terminal: Terminal, options: ProgressOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#startTime = terminal.now();
    // On a terminal the first update is drawn at once.
    this.#lastTime = terminal.isTerminal ? -Infinity : this.#startTime;
  }

  /**
   * Says how many are done by now.
   *
   * @param done The count, `start` included.
   * @param note A few words to show behind it, such as the accuracy so far.
   */
  update(done: number, note = ""): void {
    const now = this.#terminal.now();
    const interval = this.#terminal.isTerminal ? BAR_INTERVAL : LINE_INTERVAL;
    if (now - this.#lastTime < interval) return;
    this.#lastTime = now;
    const facts = describe(this.#options, done, (now - this.#startTime) / 1000, note);
    if (this.#terminal.isTerminal) this.#terminal.status(this.#draw(done, facts));
    else this.#terminal.info(`${this.#options.label}: ${facts}`);
  }

  /** Removes the bar. */
  finish(): void {
    this.#terminal.status("");
  }

  #draw(done: number, facts: string): string {
    const { label, total } = this.#options;
    // The last column stays free: some terminals wrap when it is written.
    const free = this.#terminal.columns - 1 - unicodeWidth(`${label}  ${facts}`) - 1;
    if (free < LEAST_BAR_COLUMNS || total === undefined) {
      return fit(`${label} ${facts}`, this.#terminal.columns - 1);
    }
    const columns = Math.min(free, BAR_COLUMNS);
    const filled = Math.round(columns * Math.min(done / Math.max(total, 1), 1));
    const bar = this.#terminal.style("green", "━".repeat(filled)) +
      this.#terminal.style("dim", "─".repeat(columns - filled));
    return `${label} ${bar} ${facts}`;
  }
}

/** The text of a progress line: `42% 1,234/2,900 rows, 310 rows/s, 0:05 left`. */
function describe(
  { total, unit, start = 0 }: ProgressOptions,
  done: number,
  seconds: number,
  note: string,
): string {
  const rate = seconds > 0 ? (done - start) / seconds : 0;
  const parts: string[] = [];
  if (total === undefined) {
    parts.push(quantity(done, unit));
  } else {
    const percent = Math.floor(100 * done / Math.max(total, 1));
    parts.push(`${percent}% ${amount(done, unit, total)}/${quantity(total, unit)}`);
  }
  if (rate > 0) parts.push(`${quantity(rate, unit)}/s`);
  if (rate > 0 && total !== undefined) parts.push(`${formatDuration((total - done) / rate)} left`);
  if (note !== "") parts.push(note);
  return parts.join(", ");
}

/** A count with its unit: `1,234 rows`, `12.3 MB`. */
function quantity(value: number, unit: string): string {
  return `${amount(value, unit, value)} ${unit === "B" ? byteUnit(value).name : unit}`;
}

/** A count without its unit; bytes are in the unit that suits `scale`. */
function amount(value: number, unit: string, scale: number): string {
  if (unit === "B") {
    const { name, size } = byteUnit(scale);
    return (value / size).toFixed(name === "B" ? 0 : 1);
  }
  const digits = value < 10 && !Number.isInteger(value) ? 1 : 0;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

function byteUnit(bytes: number): { name: string; size: number } {
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), 4);
  return { name: ["B", "kB", "MB", "GB", "TB"][power], size: 1000 ** power };
}

/** Seconds as `0:05`, `12:34` or `1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, i) => i === 0 ? `${part}` : String(part).padStart(2, "0")).join(":");
}

/** The head of the text that fits into so many columns. */
function fit(text: string, columns: number): string {
  let head = "";
  let width = 0;
  for (const character of text) {
    width += unicodeWidth(character);
    if (width > columns) break;
    head += character;
  }
  return head;
}
