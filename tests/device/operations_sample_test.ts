import {
  checkOperation,
  floats,
  ints,
  random,
  randomNumbers,
  testOperation,
} from "./check_operation.ts";
import { devices, webGpu } from "./devices.ts";

/** As on a GPU, where many workgroups run at once. */
const parallel = await webGpu("webgpu with many workgroups", { attentionProducts: "tiles" });

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

testOperation("sample from many tokens", [...devices, parallel], async (device) => {
  // So many that WebGPU searches them in chunks, with equals in several of them.
  const B = 3, V = 5000, vocabSize = 4999;
  const logits = random([B, V], 5);
  for (const place of [0, 2046, 2047, 2048, 3000, 4998]) logits.values[V + place] = 4.99;
  logits.values[2 * V + 4000] = NaN;
  const uniforms = floats([B], [0.2, 0.7, 0.5]);
  for (const temperature of [0, 0.7]) {
    for (const [topK, topP, minP] of [[0, 1, 0], [0, 0.9, 0], [5, 1, 0], [50, 0.9, 0.1]]) {
      const choice = { temperature, topK, topP, minP };
      const out = ints([0, 0, 0]);
      await checkOperation(device, "sample", { out, logits, vocabSize, uniforms, ...choice });
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

testOperation("sample says which rows are no distribution", devices, async (device) => {
  // What is wrong in a row of 300, and where; the last column is padding and may be anything.
  const wrong: [number, number][] = [
    ...[0, 150, 298].flatMap((place): [number, number][] => [
      [place, NaN],
      [place, -NaN],
      [place, Infinity],
      [place, -Infinity], // alone it only rules a token out
    ]),
    [299, NaN],
  ];
  const rows = wrong.map(([place, value]) =>
    (random([300]).values as Float32Array).with(place, value)
  );
  rows.push(new Float32Array(300).fill(-Infinity), new Float32Array(300).fill(NaN));
  const B = rows.length;
  const logits = floats([B, 300], rows.flatMap((row) => [...row]));
  const uniforms = floats([B], Array(B).fill(0.4));
  for (const temperature of [0, 1]) {
    for (const [topK, topP, minP] of [[0, 1, 0], [50, 1, 0], [0, 0.9, 0], [5, 0.9, 0.1]]) {
      const choice = { temperature, topK, topP, minP };
      const out = ints(Array(B).fill(7));
      await checkOperation(device, "sample", { out, logits, vocabSize: 299, uniforms, ...choice });
    }
  }
});
