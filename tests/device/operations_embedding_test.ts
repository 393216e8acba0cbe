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
    const args = { table, ids: ints(ids), x, gate };
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
});
