import { assert, assertEquals } from "@std/assert";
import { CountingRanks } from "../../bench/scaling/counting_ranks.ts";
import { configOf, sizedModel } from "../../bench/scaling/model.ts";
import { distinctTokens, drawTokens } from "../../bench/scaling/tokens.ts";
import { trafficOf } from "../../bench/scaling/traffic.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { ShardedOptimizer } from "../../lib/optim/mod.ts";
import { onRanks } from "../ranks/in_process.ts";

/** More than any vocabulary: every row is touched. */
const ALL = 1e12;
const config = { ...configOf(2), vocabSize: 128 };

for (const worldSize of [2, 4]) {
  for (const reduceDtype of ["float32", "bfloat16"] as const) {
    Deno.test(`what ${worldSize} ranks send in ${reduceDtype} is what was put on paper`, async () => {
      const found = await onRanks(worldSize, async (inner) => {
        const device = await createCpuDevice({ threads: 1 }), ranks = new CountingRanks(inner);
        const { model, groups, buckets: order } = sizedModel(device, config);
        const options = { order, reduceDtype };
        const optimizer = await ShardedOptimizer.open(device, groups, ranks, options);
        const rows = Int32Array.from({ length: config.vocabSize }, (_, row) => row);
        const tables = [...model.parameters.values()]
          .filter(({ kind }) => kind === "wte" || kind === "valueEmbeds");
        const exchange = optimizer.begin(new Map(tables.map(({ name }) => [name, rows])));
        await exchange.finish();
        await optimizer.step(1, 0, { contributors: worldSize, isFinite: true });
        await device.close();
        return [ranks.incoming, ranks.outgoing];
      });
      const device = await createCpuDevice({ threads: 1 });
      const sized = sizedModel(device.counting(), config);
      const { buckets, gather } = trafficOf(sized, worldSize, ALL, reduceDtype);
      await device.close();
      // How many rows each rank touched, which all tell all others.
      const lengths = 4 * (worldSize - 1);
      const bytes = (way: "incoming" | "outgoing", rank: number) =>
        [...buckets, gather].reduce((sum, each) => sum + each[way][rank], lengths);
      const expected = found.map((_, rank) => [bytes("incoming", rank), bytes("outgoing", rank)]);
      assertEquals(found, expected);
    });
  }
}

Deno.test("as many tokens are distinct as are expected, in every part of a table", () => {
  for (const tokens of [1000, 100_000]) {
    const expected = distinctTokens(tokens, 4096, 2);
    const drawn = drawTokens(tokens, 4096, 1);
    const low = drawn.filter((id) => id < 2048).length;
    for (const [part, count] of [low, drawn.length - low].entries()) {
      const ratio = count / expected[part];
      assert(ratio > 0.9 && ratio < 1.1, `${tokens} tokens, part ${part}: ${ratio}`);
    }
  }
});
