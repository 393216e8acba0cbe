import { bigramHash } from "../device/bigram_hash.ts";
import { bigramRows } from "./config.ts";
import { BIGRAM_TABLE } from "./embed.ts";
import type { GPT } from "./gpt.ts";
import { type RowsOfTokens, startsOf } from "./starts.ts";

/**
 * The row of the table of bigrams that each token takes.
 *
 * @param x (B·T) Tokens.
 * @param rows How they are read: the first token of a conversation has none before it.
 * @param tableLength Rows of the table.
 */
export function bigramRowsOf(x: Int32Array, rows: RowsOfTokens, tableLength: number): Int32Array {
  const starts = startsOf(x, rows);
  return x.map((id, n) => bigramHash(id, n % rows.T === starts[n] ? -1 : x[n - 1], tableLength));
}

/**
 * Says which micro-batches a step has, before the first of them is written, where the model's tables
 * have gradients of touched rows alone.
 *
 * @param batches (B·T) Tokens of each micro-batch; together no more than the model's `stepTokens`.
 * @param rows How they are read.
 */
export function beginStep(
  model: Pick<GPT, "config" | "parameters" | "gradientRows">,
  batches: readonly Int32Array[],
  rows: RowsOfTokens,
): void {
  if (model.gradientRows.size === 0) return;
  const touched = touchedRows(model, batches, rows), waiting = new Set(model.gradientRows);
  for (const { name, gradientRows } of model.parameters.values()) {
    // Those of several tables of tokens are the same.
    if (gradientRows && waiting.delete(gradientRows)) gradientRows.begin(touched.get(name)!);
  }
}

/**
 * The rows of each embedding table that micro-batches have a gradient for, in order; those of all
 * others are zero.
 *
 * @param batches (B·T) Tokens of each micro-batch.
 * @param rows How they are read.
 * @returns Row numbers by the names of the tables.
 */
export function touchedRows(
  { config, parameters }: Pick<GPT, "config" | "parameters">,
  batches: readonly Int32Array[],
  rows: RowsOfTokens,
): Map<string, Int32Array> {
  const distinct = (lists: Int32Array[]) =>
    Int32Array.from(new Set(lists.flatMap((list) => [...new Set(list)]))).sort();
  const tokens = distinct([...batches]);
  const touched = new Map<string, Int32Array>();
  for (const { name, kind } of parameters.values()) {
    if (kind === "wte" || kind === "valueEmbeds") touched.set(name, tokens);
  }
  if (parameters.has(BIGRAM_TABLE)) {
    const length = bigramRows(config);
    touched.set(BIGRAM_TABLE, distinct(batches.map((x) => bigramRowsOf(x, rows, length))));
  }
  return touched;
}
