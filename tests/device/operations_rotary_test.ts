import { checkOperation, positive, random, testOperation } from "./check_operation.ts";
import { devices } from "./devices.ts";

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

testOperation("rotaryNorm, with what is kept for its gradient", devices, async (device) => {
  for (const [B, T, H, D] of heads) {
    const tables = angles(T + 1, D);
    const args = { ...tables, scale: 1.2 };
    await checkOperation(device, "rotaryNorm", { ...args, x: random([B, T, H, D]) });
    await checkOperation(device, "rotaryNorm", {
      ...args,
      x: random([B, T, H, D], 10),
      rstd: random([B * T, H]),
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
