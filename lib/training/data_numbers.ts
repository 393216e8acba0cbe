/**
 * How long conversations are and how they fill rows: what is said of own data before it is trained
 * on.
 *
 * @module
 */
import { packingStats, type Rendered, type RowFit } from "../dataloader/mod.ts";
import { PythonRandom } from "../random/mod.ts";
import type { Conversation } from "../conversation.ts";

/** Longest conversations that are named. */
const MOST_LONGEST = 3;
/** Conversations that are packed at most; what more of them fill is reckoned from these. */
const MOST_PACKED = 50_000;
const SHUFFLE_SEED = 42;

/** How long a task's conversations are, as plain JSON. */
export interface TaskLengths {
  /** Tokens within rows that are trained on. */
  trained: number;
  /** How many conversations have how many tokens, ascending; without those that are left out. */
  lengths: [tokens: number, conversations: number][];
  /** The longest of all by their index in the task, the longest first. */
  longest: [index: number, tokens: number][];
}

/** Counts how long a task's conversations are. */
export class LengthTally {
  readonly #lengths = new Map<number, number>();
  readonly #longest: [index: number, tokens: number][] = [];
  #trained = 0;

  /**
   * Counts one.
   *
   * @param isTrained Whether it has trained text within a row.
   * @param length How many of its tokens a row takes.
   */
  add(
    index: number,
    { ids, mask }: Rendered,
    { isTrained, length }: Pick<RowFit, "isTrained" | "length">,
  ): void {
    const longest = this.#longest, { length: tokens } = ids;
    if (longest.length < MOST_LONGEST || tokens > longest.at(-1)![1]) {
      longest.push([index, tokens]);
      // Of equals the earliest comes first.
      longest.sort(([a, m], [b, n]) => n - m || a - b).splice(MOST_LONGEST);
    }
    if (!isTrained) return;
    this.#lengths.set(tokens, (this.#lengths.get(tokens) ?? 0) + 1);
    // What begins a row is nobody's target.
    for (let i = 1; i < length; i++) this.#trained += mask[i];
  }

  /** What was counted. */
  get counted(): TaskLengths {
    const lengths = [...this.#lengths].sort(([a], [b]) => a - b);
    return { trained: this.#trained, lengths, longest: this.#longest };
  }
}

/** A task of which the lengths are known. */
export interface CountedTask {
  /** Its conversations' places. */
  task: { where(index: number): string };
  /** How long they are. */
  counted: TaskLengths;
}

/** How long the conversations of a pass are, and how they fill rows. */
export interface DataNumbers {
  /** Tokens of a row that go into the model, T. */
  T: number;
  /** Conversations of a pass; those that are left out are not among these numbers. */
  conversations: number;
  /** Their tokens, before any is cut. */
  tokens: number;
  /** Those that are trained on. */
  trained: number;
  /** How many have up to so many tokens and more than the entry before has: powers of two. */
  histogram: { most: number; conversations: number }[];
  /** The longest, the longest first. */
  longest: { place: string; tokens: number }[];
  /** About how many rows they fill: the order in which they are drawn changes it a little. */
  rows: number;
  /** The share of the rows' places that is filling, 0 to 1. */
  paddingShare: number;
  /** The share of the rows' tokens that is trained on, 0 to 1. */
  trainedShare: number;
}

/**
 * The numbers of a pass over tasks.
 *
 * @param tasks Each as often as it is seen in a pass.
 * @param T Tokens in a row.
 * @returns Undefined where nothing of them is trained on.
 * @throws The signal's reason, once it is aborted.
 */
export async function dataNumbers(
  tasks: readonly CountedTask[],
  T: number,
  signal: AbortSignal,
): Promise<DataNumbers | undefined> {
  const lengths = new Map<number, number>();
  const longest = new Map<string, number>();
  let conversations = 0, tokens = 0, kept = 0, trained = 0;
  for (const { task, counted } of tasks) {
    trained += counted.trained;
    for (const [index, tokens] of counted.longest) longest.set(task.where(index), tokens);
    for (const [length, count] of counted.lengths) {
      lengths.set(length, (lengths.get(length) ?? 0) + count);
      conversations += count;
      tokens += length * count;
      kept += Math.min(length, T + 1) * count;
    }
  }
  if (conversations === 0) return undefined;
  const { rows, paddingShare } = await packLengths(lengths, conversations, T, signal);
  return {
    T,
    conversations,
    tokens,
    trained,
    histogram: histogramOf(lengths),
    longest: [...longest].map(([place, tokens]) => ({ place, tokens }))
      .sort((a, b) => b.tokens - a.tokens).slice(0, MOST_LONGEST),
    rows,
    paddingShare,
    // A row has one place more than it has tokens that are predicted.
    trainedShare: trained / kept * (1 - paddingShare) * (T + 1) / T,
  };
}

/** How many conversations lie between powers of two. */
function histogramOf(lengths: ReadonlyMap<number, number>): DataNumbers["histogram"] {
  const bins = new Map<number, number>();
  for (const [length, count] of lengths) {
    const most = 2 ** Math.ceil(Math.log2(length));
    bins.set(most, (bins.get(most) ?? 0) + count);
  }
  const present = [...bins.keys()], longest = Math.max(...present);
  const histogram: DataNumbers["histogram"] = [];
  for (let most = Math.min(...present); most <= longest; most *= 2) {
    histogram.push({ most, conversations: bins.get(most) ?? 0 });
  }
  return histogram;
}

/** Packs conversations of which only the lengths are known, as the loader packs them. */
async function packLengths(
  lengths: ReadonlyMap<number, number>,
  conversations: number,
  T: number,
  signal: AbortSignal,
): Promise<{ rows: number; paddingShare: number }> {
  const part = Math.min(1, MOST_PACKED / conversations);
  const order: number[] = [];
  for (const [length, count] of lengths) {
    // Rounded over all lengths together, so that none is lost for being rare.
    const wanted = Math.max(1, Math.round(count * part));
    for (let i = 0; i < wanted; i++) order.push(length);
  }
  new PythonRandom(SHUFFLE_SEED).shuffle(order);
  const stands = new Map<number, Conversation>(), rendered = new Map<Conversation, Rendered>();
  for (const length of lengths.keys()) {
    const stand: Conversation = { messages: [] };
    stands.set(length, stand);
    const ids = new Uint8Array(Math.min(length, T + 1));
    rendered.set(stand, { ids, mask: ids.map((_, i) => Number(i === 1)) });
  }
  const dataset = { length: order.length, get: (i: number) => stands.get(order[i])! };
  const { rows, paddingShare } = await packingStats(dataset, {
    T,
    bosId: 0,
    render: (conversation) => rendered.get(conversation)!,
    signal,
  });
  return { rows: Math.round(rows * conversations / order.length), paddingShare };
}

/**
 * The numbers in a few lines: what a run says of own data before it trains on it.
 *
 * @example
 * ```ts
 * import { dataLines } from "@nanochat/sft/training";
 * import { assertEquals } from "@std/assert";
 *
 * const histogram = [{ most: 32, conversations: 4 }, { most: 64, conversations: 1 }];
 * const longest = [{ place: "own.jsonl, line 3", tokens: 40 }];
 * const shares = { rows: 2, paddingShare: 0.1, trainedShare: 0.5 };
 * const sizes = { T: 64, conversations: 5, tokens: 115, trained: 60 };
 * assertEquals(dataLines({ ...sizes, histogram, longest, ...shares }), [
 *   "Own data: 5 conversations, 115 tokens, in about 2 rows of 64: 10.0% padding, 50.0% trained on",
 *   "Own data: tokens of a conversation: up to 32: 4, to 64: 1",
 *   "Own data: longest: 40 tokens (line 3) of own.jsonl",
 * ]);
 * ```
 */
export function dataLines(numbers: DataNumbers): string[] {
  const { conversations, tokens, rows, T, histogram, longest } = numbers;
  const bins = histogram.map(({ most, conversations }) => (
    `${count(most)}: ${count(conversations)}`
  ));
  // A file that holds them all is named once.
  const files = new Set(longest.map(({ place }) => place.slice(0, place.lastIndexOf(", "))));
  const [file] = files, prefix = files.size === 1 && file !== "" ? `${file}, ` : "";
  const named = longest.map(({ place, tokens }, i) => (
    `${count(tokens)}${i === 0 ? " tokens" : ""} (${place.slice(prefix.length)})`
  ));
  return [
    `${plural(conversations, "conversation")}, ${plural(tokens, "token")}, in about ` +
    `${plural(rows, "row")} of ${T}: ${percent(numbers.paddingShare)} padding, ` +
    `${percent(numbers.trainedShare)} trained on`,
    `tokens of a conversation: up to ${bins.join(", to ")}`,
    `longest: ${named.join(", ")}${prefix && ` of ${file}`}`,
  ].map((line) => `Own data: ${line}`);
}

const count = (value: number) => value.toLocaleString("en-US");
const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
const plural = (value: number, word: string) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;
