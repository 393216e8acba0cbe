/** What benchmarks print, and what of it two versions have in common. */

/**
 * The rates in a benchmark's output: a number and a unit per second, such as `622 tokens/s`, named
 * by the words before it on its line. Higher is better.
 */
export function figuresOf(output: string): Map<string, number> {
  const figures = new Map<string, number>();
  for (const line of output.split("\n")) {
    let end = 0;
    for (const match of line.matchAll(/(\d+(?:\.\d+)?) ((?:[A-Z] )?[A-Za-z]+\/s)\b/g)) {
      const [all, number, unit] = match;
      const words = line.slice(end, match.index).replace(/^[\s,;:]+|[\s,;:]+$/g, "");
      figures.set(words ? `${words}, ${unit}` : unit, Number(number));
      end = match.index + all.length;
    }
  }
  return figures;
}

/** The figures of both versions, run one after the other. */
export interface Pair {
  here: Map<string, number>;
  there: Map<string, number>;
}

/** One figure of two versions over pairs of runs. */
export interface Comparison {
  name: string;
  /** Medians. */
  here: number;
  there: number;
  /** The pairs' ratios here/there: the median, the least and the most. */
  ratio: number;
  least: number;
  most: number;
}

/** Compares the figures that every run of both versions printed. */
export function compare(pairs: readonly Pair[]): Comparison[] {
  const runs = pairs.flatMap(({ here, there }) => [here, there]);
  const names = [...runs[0].keys()].filter((name) => runs.every((run) => run.has(name)));
  return names.map((name) => {
    const here = pairs.map((pair) => pair.here.get(name)!);
    const there = pairs.map((pair) => pair.there.get(name)!);
    const ratios = here.map((rate, i) => rate / there[i]);
    return {
      name,
      here: median(here),
      there: median(there),
      ratio: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
    };
  });
}

/** The middle of some numbers, or the mean of the two in the middle. */
function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}
