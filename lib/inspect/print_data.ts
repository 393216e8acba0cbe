/**
 * What own conversations are like, for a person to read.
 *
 * @module
 */
import { unicodeWidth } from "@std/cli/unicode-width";
import { harmless } from "../harmless.ts";
import type { RenderedConversation, Tokenizer } from "../tokenizer/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import type { DataNumbers } from "../training/mod.ts";
import type { DataReport } from "./data.ts";
import type { DataFault } from "./data_faults.ts";
import type { TrainingRate } from "./training_rate.ts";

/** Tokens of a conversation that are shown at its beginning and its end. */
const HEAD = 120, TAIL = 24;
/** Columns of what stands before a value. */
const LABEL = 16;
/** Columns of the longest bar. */
const BAR = 40;

/** Columns of a terminal that does not say how many it has, or has too few for any table. */
const LEAST_COLUMNS = 40;

const count = (value: number) => value.toLocaleString("en-US");
const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
const plural = (value: number, word: string) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

/**
 * Prints a report: the first conversations with trained tokens coloured, what may be wrong, and the
 * numbers.
 *
 * @param tokenizer What they were rendered with.
 */
export function printDataReport(
  report: DataReport,
  tokenizer: Tokenizer,
  terminal: Terminal,
): void {
  const { notes, conversations, messages, shown, faults, numbers } = report;
  const print = (text: string, indent = 0) => {
    for (const line of wrapped(text, columnsOf(terminal), indent)) terminal.print(line);
  };
  for (const note of notes) print(note);

  const mark = terminal.colors ? "green" : "in ⟦ ⟧";
  for (const { place, rendered } of shown) {
    const trained = rendered.mask.reduce((sum, trained) => sum + trained, 0);
    const { length } = rendered.ids;
    terminal.print("");
    print(`${place}: ${plural(length, "token")}, trained on ${count(trained)} (${mark}):`);
    for (const line of tokenLines(rendered, tokenizer, terminal)) terminal.print(line);
  }

  terminal.print("");
  if (faults.length === 0) print("Nothing odd was found: no copies, no empty or cut answers");
  for (const fault of faults) printFault(fault, print, terminal);

  terminal.print("");
  const row = (label: string, value: string) => print(label.padEnd(LABEL) + value, LABEL);
  row("Conversations", `${count(conversations)}, ${plural(messages, "message")}`);
  if (numbers) printNumbers(numbers, row, terminal);
}

function printFault(
  { count: found, words, places }: DataFault,
  print: (text: string, indent?: number) => void,
  terminal: Terminal,
): void {
  const named = places.map((group) => {
    const more = group.length > 3 ? `, … (${count(group.length)})` : "";
    const [last, ...before] = group.slice(0, 3).reverse();
    return before.length > 0 && !more
      ? `${before.reverse().join(", ")} and ${last}`
      : [...before.reverse(), last].join(", ") + more;
  });
  const all = places.reduce((sum, group) => sum + group.length, 0);
  if (found > all) named.push("…");
  print(`- ${words}: ${terminal.style("yellow", count(found))} (${named.join("; ")})`, 2);
}

function printNumbers(
  { T, tokens, trained, histogram, longest, rows, paddingShare, trainedShare }: DataNumbers,
  row: (label: string, value: string) => void,
  terminal: Terminal,
): void {
  row("Tokens", `${count(tokens)} in an epoch, of which ${count(trained)} are trained on`);
  row("Rows", `about ${count(rows)} of ${count(T)} tokens`);
  row("Padding", percent(paddingShare));
  row("Trained on", `${percent(trainedShare)} of the rows`);
  const most = Math.max(...histogram.map(({ conversations }) => conversations));
  const columns = Math.max(8, Math.min(BAR, columnsOf(terminal) - LABEL - 20));
  for (const [i, { most: upTo, conversations }] of histogram.entries()) {
    const bar = "█".repeat(Math.ceil(columns * conversations / most));
    const label = i === 0 ? "Tokens up to" : "";
    const head = label.padEnd(LABEL) + count(upTo).padStart(6);
    terminal.print(`${head} ${terminal.style("cyan", bar)}${bar && " "}${count(conversations)}`);
  }
  row("Longest", longest.map(({ place, tokens }) => `${count(tokens)} (${place})`).join(", "));
}

/** A step of a run, and how many an epoch takes. */
export interface EpochSteps {
  /** How many. */
  steps: number;
  /** Tokens of each. */
  tokens: number;
  /** How many the whole run takes, if that is known. */
  runSteps?: number;
}

/**
 * Prints what an epoch costs: its steps, and the time at a rate, or why there is none; and what a run
 * does that has a number of steps of its own.
 */
export function printCost(
  { steps, tokens, runSteps }: EpochSteps,
  { rows, T }: Pick<DataNumbers, "rows" | "T">,
  rate: TrainingRate | string,
  terminal: Terminal,
): void {
  const share = rows * T / tokens, step = `of ${count(tokens)} tokens`;
  const size = share <= 0.5
    ? `less than a step ${step} (which sees ${plural(Math.round(1 / share), "epoch")})`
    : `${plural(steps, "step")} ${step}`;
  const value = typeof rate === "string" ? `${size}; not timed: ${rate}` : atRate(rate);
  row("An epoch", value);
  if (runSteps !== undefined) {
    const time = typeof rate !== "string" &&
      `, about ${timeWords(runSteps * (tokens / T * rate.row + rate.step))} of training`;
    row("A run", plural(runSteps, "step") + (time || ""));
  }

  function row(label: string, value: string): void {
    const text = label.padEnd(LABEL) + value;
    for (const line of wrapped(text, columnsOf(terminal), LABEL)) terminal.print(line);
  }

  function atRate(rate: TrainingRate): string {
    const seconds = rows * rate.row + steps * rate.step;
    const perSecond = Math.round(rows * T / seconds);
    return `${size}, about ${timeWords(seconds)} at ${
      count(perSecond)
    } tokens a second as measured`;
  }
}

/** How long something takes, as exactly as it can be told beforehand. */
function timeWords(seconds: number): string {
  const [value, unit] = seconds < 60
    ? [seconds, "second"]
    : seconds < 7200
    ? [seconds / 60, "minute"]
    : [seconds / 3600, "hour"];
  const rounded = unit !== "second" && value < 10
    ? Math.round(10 * value) / 10
    : Math.max(1, Math.round(value));
  return plural(rounded, unit);
}

/** The tokens of a conversation in lines that fit, the middle of a long one left out. */
function tokenLines(
  { ids, mask }: RenderedConversation,
  tokenizer: Tokenizer,
  terminal: Terminal,
): string[] {
  const isWhole = ids.length <= HEAD + TAIL + 8;
  const parts = isWhole ? [[0, ids.length]] : [[0, HEAD], [ids.length - TAIL, ids.length]];
  const lines: string[] = [];
  for (const [start, end] of parts) {
    if (start > 0) lines.push(`… ${count(start - HEAD)} tokens are not shown …`);
    for (let from = start, to = start, width = 0; from < end; from = to, width = 0) {
      while (to < end) {
        const text = harmless(tokenizer.decode([ids[to]]));
        const [first, ...broken] = text.split("\n");
        const marks = terminal.colors || mask[to] === 0 ? 1 : 3;
        const wide = unicodeWidth(first) + marks;
        if (to > from && width + wide > columnsOf(terminal)) break;
        width = broken.length > 0 ? unicodeWidth(broken.at(-1)!) + marks : width + wide;
        to++;
      }
      const line = { ids: ids.slice(from, to), mask: mask.slice(from, to) };
      lines.push(tokenizer.visualizeTokenization(line, { color: terminal.colors }));
    }
  }
  return lines;
}

function columnsOf(terminal: Terminal): number {
  return Math.max(LEAST_COLUMNS, terminal.columns);
}

/** Text in lines that fit, broken between words; all but the first are indented. */
export function wrapped(text: string, columns: number, indent = 0): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/(?<=\S) (?=\S)/)) {
    const wide = unicodeWidth(line) + 1 + unicodeWidth(word);
    if (line !== "" && wide > columns) {
      lines.push(line);
      line = " ".repeat(indent) + word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
