/** The time of a step; see the preface of ../scaling.ts for the model. */
import type { Link, Machine } from "./machines.ts";
import type { SizedModel } from "./model.ts";
import { type Collective, mostBytes, muonFlops, type ReduceType, trafficOf } from "./traffic.ts";

/** nanochat's step, in tokens. */
export const STEP_TOKENS = 524288;

/** Of a micro-batch's time, what comes after its forward pass. */
const BACKWARD = 2 / 3;

/** A step, in seconds. */
export interface StepTime {
  /** Forward, backward and the optimizer. */
  computing: number;
  /** Handing over gradients, less what the backward pass hides. */
  exchange: number;
  /** Getting the values. */
  gather: number;
  total: number;
  /** Of {@link total}, what is {@link exchange} and {@link gather}. */
  share: number;
  /** Bytes that the busiest rank sends or receives. */
  bytes: number;
}

/**
 * The time of a step.
 *
 * @param rows Of a micro-batch, of the model's length.
 * @throws {UserError} when so many ranks cannot share a parameter's rows.
 */
export function stepTime(
  machine: Machine,
  sized: SizedModel,
  { worldSize, rows, reduceType, tokens = STEP_TOKENS }: {
    worldSize: number;
    rows: number;
    reduceType: ReduceType;
    tokens?: number;
  },
): StepTime {
  const { model, model: { config } } = sized, { flops } = machine;
  const own = tokens / worldSize;
  const passes = own * model.flopsPerToken / flops;
  const computing = passes + muonFlops(sized, worldSize).most / flops;
  if (worldSize === 1) {
    return { computing, exchange: 0, gather: 0, total: computing, share: 0, bytes: 0 };
  }
  const { buckets, gather } = trafficOf(sized, worldSize, own, reduceType);
  // Only the last micro-batch's gradients are final.
  const micro = rows * config.sequenceLen * model.flopsPerToken / flops;
  const backward = machine.overlaps ? BACKWARD * micro : 0;
  const exchanged = new Links(machine, worldSize), gathered = new Links(machine, worldSize);
  buckets.forEach((bucket, i) => {
    exchanged.send(bucket, reduceType, backward * Math.min(1, i / config.nLayer));
  });
  gathered.send(gather, "float32", 0);
  const exchange = exchanged.done - backward, total = computing + exchange + gathered.done;
  return {
    computing,
    exchange,
    gather: gathered.done,
    total,
    share: (exchange + gathered.done) / total,
    bytes: mostBytes([...buckets, gather]),
  };
}

/**
 * What moves messages, from second 0: collectives are in flight together, and each link, and each
 * rank's host, works off what comes to it in order.
 */
class Links {
  /** Seconds at which all that was sent has been worked off. */
  done = 0;
  /** Of each rank's way to others of its host, and of each host's network, in and out. */
  readonly #busy = new Map<string, number>();

  constructor(private readonly machine: Machine, private readonly worldSize: number) {}

  /** Sends what is `ready` at a second. */
  send(collective: Collective, type: ReduceType, ready: number): void {
    const { machine: { local, network, ranksPerHost }, worldSize } = this;
    const hosts = Math.ceil(worldSize / ranksPerHost), perHost = worldSize / hosts;
    const away = worldSize > 1 ? (worldSize - perHost) / (worldSize - 1) : 0;
    const arrived = Array<number>(worldSize).fill(ready);
    const takes = (link: string, of: Link, messages: number, bytes: number, ranks: number[]) => {
      if (messages === 0) return;
      const from = Math.max(ready, this.#busy.get(link) ?? 0);
      const until = from + messages * of.latency + bytes / of.bandwidth;
      this.#busy.set(link, until);
      for (const rank of ranks) arrived[rank] = Math.max(arrived[rank], until);
    };
    for (const way of ["incoming", "outgoing"] as const) {
      const bytes = collective[way];
      bytes.forEach((all, rank) =>
        takes(`${way} of ${rank}`, local, perHost - 1, all * (1 - away), [rank])
      );
      for (let host = 0; host < hosts; host++) {
        const ranks = Array.from({ length: perHost }, (_, i) => host * perHost + i);
        const all = ranks.reduce((sum, rank) => sum + bytes[rank], 0) * away;
        takes(`${way} of host ${host}`, network, worldSize - perHost, all, ranks);
      }
    }
    arrived.forEach((at, rank) => {
      const host = `host of rank ${rank}`;
      const until = Math.max(at, this.#busy.get(host) ?? 0) +
        this.#handling(collective, rank, type);
      this.#busy.set(host, until);
      this.done = Math.max(this.done, until);
    });
  }

  /** Seconds of the host: copies, rounding and widening, sums. */
  #handling(
    { incoming, outgoing, copied, additions }: Collective,
    rank: number,
    type: ReduceType,
  ): number {
    const { copying, host } = this.machine;
    const converted = type === "bfloat16"
      ? outgoing[rank] / 2 / host.rounding + incoming[rank] / 2 / host.widening
      : 0;
    return copied[rank] / copying + converted + additions[rank] / host.adding;
  }
}
