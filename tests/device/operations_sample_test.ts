import { assertEquals } from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import {
  allocateArgs,
  checkOperation,
  floats,
  ints,
  random,
  randomNumbers,
  type Spec,
  type SpecifiedArgs,
  testOperation,
} from "./check_operation.ts";
import { devices, webGpu } from "./devices.ts";

/** As on a GPU, where many workgroups run at once. */
const parallel = await webGpu("webgpu with many workgroups", { attentionProducts: "tiles" });

/** How a row is drawn: temperature, topK, topP, minP. */
type Choice = readonly [temperature: number, topK: number, topP: number, minP: number];

/** Arguments for rows that are drawn as given. */
function argsOf(
  logits: Spec,
  vocabSize: number,
  uniforms: Spec,
  choices: readonly Choice[],
): SpecifiedArgs<"sample"> {
  const B = choices.length;
  const topKs = choices.map(([temperature, topK]) => temperature === 0 ? 1 : topK);
  return {
    out: ints(Array(B).fill(9)),
    logits,
    vocabSize,
    uniforms,
    choices: floats([B, 4], choices.flat()),
    mostTopK: topKs.includes(0) ? 0 : Math.max(...topKs),
  };
}

/** Checks rows that are all drawn in one way. */
function checkAlike(
  device: Device,
  logits: Spec,
  vocabSize: number,
  uniforms: Spec,
  choice: Choice,
): Promise<void> {
  const choices = Array<Choice>(logits.shape[0]).fill(choice);
  return checkOperation(device, "sample", argsOf(logits, vocabSize, uniforms, choices));
}

/** Every mix of some values for each choice. */
function everyChoice(...values: readonly (readonly number[])[]): Choice[] {
  let all: number[][] = [[]];
  for (const some of values) all = all.flatMap((choice) => some.map((value) => [...choice, value]));
  return all as unknown as Choice[];
}

testOperation("sample with every filter", devices, async (device) => {
  const B = 4;
  const next = randomNumbers(7);
  for (const [V, vocabSize] of [[8, 5], [300, 293], [1024, 1024]]) {
    for (const choice of everyChoice([0, 0.7, 1.5], [0, 1, 50], [0, 0.93, 1], [0, 0.2])) {
      const uniforms = floats([B], Array.from({ length: B }, next));
      await checkAlike(device, random([B, V], 5), vocabSize, uniforms, choice);
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
      await checkAlike(device, logits, vocabSize, uniforms, [temperature, topK, topP, minP]);
    }
  }
});

testOperation("sample draws each row in its own way", [...devices, parallel], async (device) => {
  const V = 5000, vocabSize = 4997;
  const mixed = everyChoice([0, 0.8, 1.3], [0, 1, 40, 900], [0.6, 1], [0, 0.05]);
  // All, those that keep some, and those that keep few: on WebGPU each is searched in another way.
  for (const most of [Infinity, 900, 40]) {
    const choices = mixed.filter(([temperature, topK]) => {
      return most === Infinity || temperature === 0 || topK > 0 && topK <= most;
    });
    const B = choices.length, next = randomNumbers(most);
    const uniforms = floats([B], Array.from({ length: B }, next));
    const logits = random([B, V], 6);
    await checkOperation(device, "sample", argsOf(logits, vocabSize, uniforms, choices));

    const drawn = async (rows: readonly number[]) => {
      const some = floats([rows.length, V], rows.flatMap((b) => [...rowOf(logits, b)]));
      const uniform = floats([rows.length], rows.map((b) => uniforms.values[b]));
      const { args, tensors } = allocateArgs<"sample">(
        device,
        argsOf(some, vocabSize, uniform, rows.map((b) => choices[b])),
      );
      device.sample(args);
      const tokens = [...await device.read(args.out)];
      tensors.forEach((tensor) => device.free(tensor));
      return tokens;
    };
    const together = await drawn(choices.map((_, b) => b));
    const alone: number[] = [];
    for (const b of choices.keys()) alone.push(...await drawn([b]));
    assertEquals(alone, together);
  }
});

/** The numbers of a row. */
function rowOf({ shape, values }: Spec, row: number): Float32Array | Int32Array {
  const columns = shape[shape.length - 1];
  return values.subarray(row * columns, (row + 1) * columns);
}

testOperation("sample keeps the lower index among equals", devices, async (device) => {
  // Four equal best tokens: of them topK and topP keep the first ones.
  const logits = floats([4, 8], Array(4).fill([-3, 1, -0, 1, 0, 1, 1, -50]).flat());
  const uniforms = floats([4], [0, 0.3, 0.6, 0.99]);
  for (const choice of everyChoice([0, 1], [0, 2, 3, 5, 6], [0.3, 0.75, 1], [0])) {
    await checkAlike(device, logits, 8, uniforms, choice);
  }
});

testOperation(
  "sample from tokens that are all alike, or mostly ruled out",
  devices,
  async (device) => {
    const V = 700;
    const alike = new Float32Array(V).fill(2.5);
    const few = new Float32Array(V).fill(-Infinity);
    for (const place of [3, 250, 699]) few[place] = place / 700;
    const logits = floats([6, V], [alike, few].flatMap((row) => [...row, ...row, ...row]));
    const uniforms = floats([6], [0, 0.4, 0.9999999, 0, 0.4, 0.9999999]);
    for (const choice of everyChoice([0, 0.6, 1e-30], [0, 2, 90], [0.5, 1], [0, 1])) {
      await checkAlike(device, logits, V, uniforms, choice);
    }
  },
);

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
      await checkAlike(device, logits, 299, uniforms, [temperature, topK, topP, minP]);
    }
  }
});
