/**
 * What ranks send each other in a step: sizes alone, from who owns which rows and matrices.
 *
 * Gradients go to their owners (`exchange`), values come back from them (`gather`).
 */
import { stretchesOf } from "../../lib/optim/sharded/ownership.ts";
import { sizeOf } from "../../lib/shapes.ts";
import type { SizedModel } from "./model.ts";
import { distinctTokens } from "./tokens.ts";

/** What gradients are sent as. */
export type ReduceType = "float32" | "bfloat16";

const BYTES: Record<ReduceType, number> = { float32: 4, bfloat16: 2 };
/** Of the number of a touched row. */
const ROW_NUMBER_BYTES = 4;

/** One collective, by rank; from and to other ranks only. */
export interface Collective {
  /** Bytes that each rank receives. */
  incoming: number[];
  /** Bytes that it sends. */
  outgoing: number[];
  /** Numbers that it adds up, its own included. */
  additions: number[];
  /** Numbers that pass between each rank's device and host. */
  staged: number;
}

/** What a step of a model sends. */
export interface Traffic {
  /** Gradients, by the buckets of the backward pass. */
  buckets: Collective[];
  /** New values. */
  gather: Collective;
}

/** Elements of a parameter that each rank owns. */
interface Owners {
  counts: number[];
  size: number;
  isReplicated: boolean;
  /** Columns of a token table. */
  columns: number | undefined;
}

/**
 * Counts what a step sends.
 *
 * @param tokens Of a rank in a step, which decide what rows of token tables are touched.
 * @throws {UserError} when so many ranks cannot share a parameter's rows.
 */
export function trafficOf(
  sized: SizedModel,
  worldSize: number,
  tokens: number,
  reduceType: ReduceType,
): Traffic {
  const owners = ownersOf(sized, worldSize);
  const rows = sized.model.parameters.get("transformer.wte.weight")!.shape[0];
  const touched = distinctTokens(tokens, rows, worldSize);
  const buckets = sized.buckets.map((names) => {
    const wanted = Array<number>(worldSize).fill(0), additions = Array<number>(worldSize).fill(0);
    let staged = 0;
    for (const { counts, size, columns } of names.map((name) => owners.get(name)!)) {
      staged += size;
      const dense = counts.map((count) => count * BYTES[reduceType]);
      const byRow = columns === undefined
        ? dense
        : touched.map((n) => n * (columns * BYTES[reduceType] + ROW_NUMBER_BYTES));
      const least = sum(byRow) < sum(dense) ? byRow : dense;
      least.forEach((bytes, rank) => {
        wanted[rank] += bytes;
        additions[rank] += worldSize * counts[rank] * bytes / (dense[rank] || 1);
      });
    }
    const total = sum(wanted), others = worldSize - 1;
    return {
      incoming: wanted.map((own) => others * own),
      outgoing: wanted.map((own) => total - own),
      additions,
      staged,
    };
  });
  const shared = [...owners.values()].filter(({ isReplicated }) => !isReplicated);
  const owned = Array.from(
    { length: worldSize },
    (_, rank) => BYTES.float32 * sum(shared.map(({ counts }) => counts[rank])),
  );
  const total = sum(owned), others = worldSize - 1;
  const gather = {
    incoming: owned.map((own) => total - own),
    outgoing: owned.map((own) => others * own),
    additions: owned.map(() => 0),
    staged: total / BYTES.float32,
  };
  return { buckets, gather };
}

/** Bytes that a rank sends or receives, whichever is more, of the rank with most. */
export function mostBytes(collectives: readonly Collective[]): number {
  const most = (bytesOf: (of: Collective) => number[]) =>
    Math.max(
      ...collectives[0].incoming.map((_, rank) =>
        sum(collectives.map((each) => bytesOf(each)[rank]))
      ),
    );
  return Math.max(most(({ incoming }) => incoming), most(({ outgoing }) => outgoing));
}

/** Floating-point operations of Muon's step on the rank that owns most, and on the average rank. */
export function muonFlops(
  { groups }: SizedModel,
  worldSize: number,
): { most: number; mean: number } {
  const muon = groups.filter(({ kind }) => kind === "muon");
  const ranks = Array.from(
    { length: worldSize },
    (_, rank) =>
      sum(stretchesOf(muon, rank, worldSize).flat().map(({ parameter }) => polar(parameter.shape))),
  );
  return { most: Math.max(...ranks), mean: sum(ranks) / worldSize };
}

/** Orthogonalising a matrix takes five steps of a Gram matrix, its square, and a product. */
function polar(shape: readonly number[]): number {
  const short = Math.min(...shape), long = Math.max(...shape);
  // Of symmetric results a half is computed.
  return 5 * short ** 2 * (long + short + 2 * long);
}

function ownersOf({ groups }: SizedModel, worldSize: number): Map<string, Owners> {
  const owners = new Map<string, Owners>();
  for (let rank = 0; rank < worldSize; rank++) {
    for (const { parameter, count, isReplicated } of stretchesOf(groups, rank, worldSize).flat()) {
      const { name, kind, shape } = parameter;
      const isTable = kind === "wte" || kind === "valueEmbeds";
      const of = owners.get(name) ?? {
        counts: Array<number>(worldSize).fill(0),
        size: sizeOf(shape),
        isReplicated,
        columns: isTable ? shape[1] : undefined,
      };
      of.counts[rank] = count;
      owners.set(name, of);
    }
  }
  return owners;
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
