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

/** One collective, by rank; from and to other ranks only. */
export interface Collective {
  /** Bytes that each rank receives. */
  incoming: number[];
  /** Bytes that it sends. */
  outgoing: number[];
  /** Numbers that it adds up, its own included. */
  additions: number[];
  /** Numbers that its host copies: from its device, into messages, to its device. */
  copied: number[];
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
  const touched = distinctTokens(tokens, rows, worldSize), others = worldSize - 1;
  const buckets = sized.buckets.map((names) => {
    const wanted = Array<number>(worldSize).fill(0), additions = Array<number>(worldSize).fill(0);
    let size = 0;
    for (const parameter of names.map((name) => owners.get(name)!)) {
      size += parameter.size;
      parameter.counts.forEach((count, rank) => {
        const { columns = 0, isReplicated } = parameter;
        const sent = columns > 0 ? Math.min(count, touched[rank] * columns) : count;
        wanted[rank] += sent * BYTES[isReplicated ? "float32" : reduceType];
        additions[rank] += worldSize * sent;
      });
    }
    const message = sum(additions) / worldSize;
    return { ...exchangeOf(wanted), additions, copied: wanted.map(() => size + message) };
  });
  // Which rows are touched, every rank tells every other first.
  const told = 4 * others * sum(touched);
  for (const way of ["incoming", "outgoing"] as const) {
    buckets[0][way] = buckets[0][way].map((bytes) => bytes + told);
  }
  const all = [...owners.values()];
  // Of what every rank updates, the first one's is everyone's.
  const owned = Array.from(
    { length: worldSize },
    (_, rank) =>
      sum(all.map(({ counts, isReplicated }) => isReplicated && rank > 0 ? 0 : counts[rank])),
  );
  const total = sum(owned);
  const gather = {
    incoming: owned.map((own) => BYTES.float32 * (total - own)),
    outgoing: owned.map((own) => BYTES.float32 * others * own),
    additions: owned.map(() => 0),
    // With the sums of gradients that go to the device before.
    copied: owned.map((own) => 2 * own + total),
  };
  return { buckets, gather };
}

/** Bytes of a collective in which each rank wants so many of every other, by rank. */
function exchangeOf(wanted: readonly number[]): Pick<Collective, "incoming" | "outgoing"> {
  const total = sum(wanted);
  return {
    incoming: wanted.map((own) => (wanted.length - 1) * own),
    outgoing: wanted.map((own) => total - own),
  };
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
