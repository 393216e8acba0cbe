import { checkOperation, ints, positive, random, testOperation } from "./check_operation.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];
const shapes = [[1, 4], [3, 7], [2, 5, 36], [70, 260], [9, 1, 33]];

testOperation("rmsNorm and its gradient", all, async (device) => {
  for (const shape of shapes) {
    for (const scale of [1e-4, 1, 100]) {
      const [out, x] = [random(shape), random(shape, scale)];
      await checkOperation(device, "rmsNorm", { out, x });
      const [dx, dout] = [random(shape), random(shape)];
      await checkOperation(device, "rmsNormBackward", { dx, dout, x });
      const far = random(shape, 1 / scale);
      await checkOperation(device, "rmsNormBackward", { dx: far, dout, x, accumulate: true });
    }
  }
});

/** Tables of cosines and sines for `T` positions of heads of `D`. */
function angles(T: number, D: number) {
  const [cos, sin] = [random([T, D / 2]), random([T, D / 2])];
  cos.values.forEach((value, i) => {
    cos.values[i] = Math.cos(3 * value);
    sin.values[i] = Math.sin(3 * value);
  });
  return { cos, sin };
}

const heads = [[1, 1, 1, 4], [2, 5, 3, 12], [2, 3, 2, 16], [1, 9, 5, 64], [3, 7, 1, 128]];

testOperation("rotaryNorm, from the start and from positions", devices, async (device) => {
  for (const [B, T, H, D] of heads) {
    const tables = angles(T + 20, D);
    const args = { ...tables, scale: 1.2 };
    await checkOperation(device, "rotaryNorm", { ...args, x: random([B, T, H, D]) });
    await checkOperation(device, "rotaryNorm", {
      ...args,
      x: random([B, T, H, D], 10),
      rstd: random([B * T, H]),
      positions: ints([13, 0, 20].slice(0, B)),
    });
  }
});

testOperation("rotaryNormBackward", devices, async (device) => {
  for (const [B, T, H, D] of heads) {
    const y = random([B, T, H, D]);
    const rstd = positive([B * T, H]);
    const args = { dx: random([B, T, H, D]), y, rstd, ...angles(T, D), scale: 1.2 };
    await checkOperation(device, "rotaryNormBackward", args);
  }
});

testOperation("smear and its gradient", devices, async (device) => {
  for (const [B, T, C, G] of [[1, 1, 8, 4], [2, 5, 36, 12], [3, 17, 70, 5], [2, 70, 64, 24]]) {
    const shape = [B, T, C];
    const [x, gate, lambda] = [random(shape), random([1, G]), random([1])];
    await checkOperation(device, "smear", { out: random(shape), x, gate, lambda });
    const previous = random([B, C]);
    await checkOperation(device, "smear", { out: random(shape), x, gate, lambda, previous });
    await checkOperation(device, "smearBackward", {
      dx: random(shape),
      dgate: random([1, G]),
      dlambda: random([1]),
      dout: random(shape),
      x,
      gate,
      lambda,
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
