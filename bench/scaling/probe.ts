/**
 * What ranks find out together; `measure.ts` starts them with mpirun, and rank 0 prints what all
 * found as JSON.
 *
 *     mpirun -n 2 deno run -A bench/scaling/probe.ts link
 *     mpirun -n 4 deno run -A bench/scaling/probe.ts step DEPTH TOKENS float32|bfloat16
 */
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { ShardedOptimizer } from "../../lib/optim/mod.ts";
import { gatherTexts, type Ranks } from "../../lib/ranks/mod.ts";
import { openMpi } from "../../lib/ranks/mpi/mod.ts";
import { CountingRanks } from "./counting_ranks.ts";
import { best, type LinkTimes } from "./measure.ts";
import { configOf, sizedModel } from "./model.ts";
import { drawTokens } from "./tokens.ts";
import type { ReduceType } from "./traffic.ts";

const BYTES = 32e6;
const ROUNDS = 5;

/** What a rank found in steps of the optimizer. */
export interface StepFound {
  /** Bytes received from other ranks, and sent to them. */
  incoming: number;
  outgoing: number;
  /** Seconds of the fastest step: handing gradients over, its own update, and the gather. */
  exchange: number;
  update: number;
  gather: number;
}

const [what, ...args] = Deno.args;
const mpi = await openMpi((name) => Deno.env.get(name));
const found = what === "link" ? await link(mpi) : await step(mpi, args);
const all = await gatherTexts(mpi, JSON.stringify(found));
if (mpi.rank === 0) {
  console.log(JSON.stringify(all.map((text) => JSON.parse(text))));
}
await mpi.close();

async function link(ranks: Ranks): Promise<LinkTimes> {
  const own = new Uint8Array(BYTES), none = new Uint8Array(0);
  const toOthers = Array.from({ length: ranks.worldSize }, (_, r) => r === ranks.rank ? none : own);
  const lengths = toOthers.map(({ length }) => length);
  return {
    exchange: await best(ROUNDS, () => ranks.exchange(toOthers, lengths)),
    gather: await best(ROUNDS, () => ranks.gather(own)),
    latency: await best(100, () => ranks.barrier()),
    bytes: BYTES,
  };
}

async function step(mpi: Ranks, [depth, tokens, reduceDtype]: string[]): Promise<StepFound> {
  const ranks = new CountingRanks(mpi);
  const device = await createCpuDevice({ threads: 1 });
  const { model, groups, buckets } = sizedModel(device, configOf(Number(depth)));
  const optimizer = await ShardedOptimizer.open(device, groups, ranks, {
    order: buckets,
    reduceDtype: reduceDtype as ReduceType,
  });
  const rows = model.parameters.get("transformer.wte.weight")!.shape[0];
  const ids = drawTokens(Number(tokens), rows, ranks.rank);
  const touched = new Map(
    [...model.parameters.values()].filter(({ kind }) => kind === "wte" || kind === "valueEmbeds")
      .map(({ name }) => [name, ids]),
  );
  const times = { exchange: Infinity, update: Infinity, gather: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    optimizer.own.step(1, 0.95);
    const update = await seconds(async () => {
      optimizer.own.step(1, 0.95);
      await device.synchronize();
    });
    await ranks.barrier();
    ranks.incoming = ranks.outgoing = 0;
    const exchange = await seconds(async () => {
      const exchange = optimizer.begin(touched);
      exchange.ready(buckets.length);
      await exchange.finish();
    });
    await ranks.barrier();
    const agreed = { contributors: ranks.worldSize, isFinite: true };
    const stepped = await seconds(() => optimizer.step(1, 0.95, agreed));
    times.exchange = Math.min(times.exchange, exchange);
    times.update = Math.min(times.update, update);
    times.gather = Math.min(times.gather, stepped - update);
  }
  const { incoming, outgoing } = ranks;
  optimizer.free();
  await device.close();
  return { incoming, outgoing, ...times };
}

async function seconds(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}
