import { checkOperation, ints, positive, random, testOperation } from "./check_operation.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];

testOperation("adamW, first and later steps", all, async (device) => {
  const settings = { lr: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-10, weightDecay: 0.1 };
  for (const shape of [[1], [7], [36, 40], [50, 33]]) {
    for (const step of [1, 2, 100]) {
      const args = { p: random(shape), g: random(shape), m: random(shape), v: positive(shape) };
      const gradientScale = step === 2 ? 0.25 : undefined;
      await checkOperation(device, "adamW", { ...args, ...settings, step, gradientScale });
    }
  }
});

testOperation("adamW with gradients of some rows only", all, async (device) => {
  const settings = { lr: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-10, weightDecay: 0.1, step: 3 };
  for (const [V, C, R] of [[50, 36, 11], [9, 33, 8], [300, 132, 20]]) {
    const shape = [V, C], g = random([R, C]);
    // Every third row has one, as long as there are any.
    const rows = ints(
      Array.from({ length: V }, (_, i) => i % 3 === 1 && i / 3 < R ? i / 3 | 0 : -1),
    );
    const args = { p: random(shape), g, m: random(shape), v: positive(shape), rows };
    await checkOperation(device, "adamW", { ...args, ...settings, gradientScale: 0.5 });
  }
});

testOperation("adamW changes nothing where the guard is set", all, async (device) => {
  const settings = { lr: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-10, weightDecay: 0.1, step: 2 };
  for (const shape of [[1], [36, 40], [50, 33]]) {
    for (const guard of [0, 1]) {
      const args = { p: random(shape), g: random(shape), m: random(shape), v: positive(shape) };
      await checkOperation(device, "adamW", { ...args, ...settings, guard: ints([guard]) });
    }
  }
});
