import {
  checkOperation,
  groupsOf,
  ints,
  random,
  randomInts,
  testOperation,
} from "./check_operation.ts";
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

testOperation("gatherRows and scatterRows", devices, async (device) => {
  for (const C of [1, 6, 64]) {
    const index = ints([5, 5, 8, 2, 0, 7, 3, 11, 1]);
    const [few, many] = [random([6, C]), random([12, C])];
    await checkOperation(device, "gatherRows", { out: few, x: many, index, start: 3 });
    await checkOperation(device, "gatherRows", { out: few, x: many, index });
    await checkOperation(device, "scatterRows", { out: many, x: few, index, start: 2 });
  }
});
