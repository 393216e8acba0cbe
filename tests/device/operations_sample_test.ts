import {
  checkOperation,
  floats,
  ints,
  random,
  randomNumbers,
  testOperation,
} from "./check_operation.ts";
import { devices } from "./devices.ts";

testOperation("sample with every filter", devices, async (device) => {
  const B = 4;
  const next = randomNumbers(7);
  for (const [V, vocabSize] of [[8, 5], [300, 293], [1024, 1024]]) {
    for (const temperature of [0, 0.7, 1.5]) {
      for (const topK of [0, 1, 50]) {
        for (const topP of [0, 0.93, 1]) {
          for (const minP of [0, 0.2]) {
            await checkOperation(device, "sample", {
              out: ints([0, 0, 0, 0]),
              logits: random([B, V], 5),
              vocabSize,
              uniforms: floats([B], Array.from({ length: B }, next)),
              temperature,
              topK,
              topP,
              minP,
            });
          }
        }
      }
    }
  }
});

testOperation("sample keeps the lower index among equals", devices, async (device) => {
  // Four equal best tokens: of them topK and topP keep the first ones.
  const logits = floats([4, 8], Array(4).fill([-3, 1, -0, 1, 0, 1, 1, -50]).flat());
  const uniforms = floats([4], [0, 0.3, 0.6, 0.99]);
  const args = { out: ints([9, 9, 9, 9]), logits, vocabSize: 8, uniforms, minP: 0 };
  for (const temperature of [0, 1]) {
    for (const topK of [0, 2, 3, 5, 6]) {
      for (const topP of [0.3, 0.75, 1]) {
        await checkOperation(device, "sample", { ...args, temperature, topK, topP });
      }
    }
  }
});
