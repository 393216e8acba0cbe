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

testOperation("adamW changes nothing where the guard is set", all, async (device) => {
  const settings = { lr: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-10, weightDecay: 0.1, step: 2 };
  for (const shape of [[1], [36, 40], [50, 33]]) {
    for (const guard of [0, 1]) {
      const args = { p: random(shape), g: random(shape), m: random(shape), v: positive(shape) };
      await checkOperation(device, "adamW", { ...args, ...settings, guard: ints([guard]) });
    }
  }
});
