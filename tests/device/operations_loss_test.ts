import { checkOperation, ints, random, randomInts, testOperation } from "./check_operation.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];

testOperation("softcapCrossEntropy, with and without gradient", all, async (device) => {
  for (const [R, V, vocabSize] of [[1, 4, 3], [5, 37, 31], [9, 320, 301], [70, 140, 140]]) {
    for (const scale of [0.1, 10, 100]) {
      const losses = random([R + 4]);
      const logits = random([R, V], scale);
      const targets = ints(randomInts(R + 4, vocabSize));
      const args = { losses, logits, targets, start: 3, vocabSize, cap: 15 };
      await checkOperation(device, "softcapCrossEntropy", { ...args, gradientScale: 0.25 });
    }
  }
});
