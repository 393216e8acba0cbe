/** Figures of a load: rates, percentiles, errors by kind, and memory. */
import { table } from "../scaling/markdown.ts";
import { BUSY, type Phase } from "./load.ts";

/** The server's memory at a time. */
export interface MemorySample {
  /** Seconds since the load began. */
  second: number;
  /** Bytes of it that were resident. */
  bytes: number;
}

/** A phase with one client, and the one with many that followed it. */
export interface Round {
  one: Phase;
  many: Phase;
}

/** The value below which a share of the values lies, or the nearest there is; NaN when there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Tokens a second, all answers together. */
export function rateOf({ outcomes, seconds }: Phase): number {
  return outcomes.reduce((sum, { tokens }) => sum + tokens, 0) / seconds;
}

/** How many requests met each error, those that came too many ({@link BUSY}) among them. */
export function errorsOf(phases: readonly Phase[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { error } of phases.flatMap(({ outcomes }) => outcomes)) {
    if (error !== undefined) counts.set(error, (counts.get(error) ?? 0) + 1);
  }
  return counts;
}

/** A table with a line for each phase. */
export function phaseTable(rounds: readonly Round[]): string {
  const head = [
    "round",
    "clients",
    "requests",
    "refused (429)",
    "errors",
    "first token p50, ms",
    "p95, ms",
    "tokens/s",
  ];
  const rows = rounds.flatMap(({ one, many }, i) =>
    [one, many].map((phase) => [`${i + 1}`, ...phaseCells(phase)])
  );
  return table(head, rows);
}

function phaseCells(phase: Phase): string[] {
  const { clients, outcomes } = phase;
  const errors = errorsOf([phase]), busy = errors.get(BUSY) ?? 0;
  const failed = errors.values().reduce((sum, count) => sum + count, 0) - busy;
  const firsts = outcomes.flatMap(({ firstTokenMs }) => firstTokenMs ?? []);
  const cells = [clients, outcomes.length, busy, failed].map(String);
  const times = [percentile(firsts, 0.5), percentile(firsts, 0.95)].map((ms) => ms.toFixed(0));
  return [...cells, ...times, rateOf(phase).toFixed(1)];
}

/** How many times the tokens a second many clients get together than one alone: of the rounds' the median. */
export function speedup(rounds: readonly Round[]): number {
  return percentile(rounds.map(({ one, many }) => rateOf(many) / rateOf(one)), 0.5);
}

/** Mean memory of the first and of the last minute, or of the halves of a shorter load. */
export function memoryEnds(samples: readonly MemorySample[]): { first: number; last: number } {
  const end = samples.at(-1)!.second, span = Math.min(60, end / 2);
  const mean = (part: readonly MemorySample[]) =>
    part.reduce((sum, { bytes }) => sum + bytes, 0) / part.length;
  return {
    first: mean(samples.filter(({ second }) => second <= span)),
    last: mean(samples.filter(({ second }) => second >= end - span)),
  };
}
