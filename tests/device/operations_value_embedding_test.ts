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

testOperation("addValueEmbedding and its gradient", all, async (device) => {
  for (
    const [N, V, C, Hkv, D, G] of [[5, 3, 16, 2, 4, 12], [23, 40, 14, 3, 5, 3], [
      12,
      60,
      32,
      2,
      32,
      12,
    ]]
  ) {
    const ids = randomInts(N, V).fill(2, 0, N / 3);
    const [table, x, gate] = [random([V, Hkv * D]), random([N, C]), random([Hkv, G])];
    for (const scale of [undefined, 2]) {
      const args = { table, ids: ints(ids), x, gate, scale };
      await checkOperation(device, "addValueEmbedding", { ...args, v: random([N, Hkv, D]) });
      await checkOperation(device, "addValueEmbeddingBackward", {
        ...args,
        dx: random([N, C]),
        dgate: random([Hkv, G]),
        dtable: random([V, Hkv * D]),
        dv: random([N, Hkv, D]),
        groups: groupsOf(ids, V),
      });
    }
  }
});
