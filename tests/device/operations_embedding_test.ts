import {
  checkOperation,
  floats,
  groupsOf,
  ints,
  random,
  randomInts,
  testOperation,
} from "./check_operation.ts";
import { MOST_BIGRAM_TOKENS } from "../../lib/device/bigram_hash.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];

testOperation("embedding and its gradient, with repeated tokens", all, async (device) => {
  for (const [N, V, C] of [[1, 1, 4], [23, 11, 7], [26, 70, 36], [200, 300, 4]]) {
    const ids = randomInts(N, V).fill(V - 1, 0, N / 3);
    const table = random([V, C]);
    await checkOperation(device, "embedding", { out: random([N, C]), table, ids: ints(ids) });
    await checkOperation(device, "embeddingBackward", {
      dtable: random([V, C]),
      dout: random([N, C]),
      groups: groupsOf(ids, V),
    });
  }
});

testOperation("bigramIds, also where a product needs 32 bits", devices, async (device) => {
  for (
    const [B, T, V] of [[1, 1, 7], [3, 9, 300], [70, 5, 32768], [2, 50, 65536], [
      2,
      50,
      MOST_BIGRAM_TOKENS,
    ]]
  ) {
    for (const first of [-1, V - 1]) {
      await checkOperation(device, "bigramIds", {
        out: ints(randomInts(B * T, V)),
        ids: ints(randomInts(B * T, V).fill(V - 1, 0, 2)),
        previous: floats([B], randomInts(B, V).fill(first, 0, 1)),
        buckets: 5 * V,
      });
    }
  }
});

testOperation("gatherRows and scatterRows", devices, async (device) => {
  for (const C of [1, 6, 64]) {
    const index = ints([5, 5, 8, 2, 0, 7, 3, 11, 1]);
    const [few, many] = [random([6, C]), random([12, C])];
    await checkOperation(device, "gatherRows", { out: few, x: many, index, start: 3 });
    await checkOperation(device, "gatherRows", { out: few, x: many, index });
    await checkOperation(device, "scatterRows", { out: many, x: few, index, start: 2 });
  }
});

testOperation("addElements adds to single elements", devices, async (device) => {
  for (const count of [0, 1, 5, 70]) {
    const index = ints(Array.from({ length: 80 }, (_, i) => (i * 37) % 105));
    await checkOperation(device, "addElements", {
      x: random([7, 15]),
      index,
      values: random([90]),
      count,
    });
  }
});
