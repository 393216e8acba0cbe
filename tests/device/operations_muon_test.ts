import { checkOperation, ints, positive, random, testOperation } from "./check_operation.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];
const stacks = [[1, 1, 1], [2, 4, 12], [3, 5, 7], [3, 12, 4], [5, 16, 24], [5, 24, 16]];

testOperation("muonMomentum and cautiousUpdate on one matrix of a stack", all, async (device) => {
  for (const [n, rows, cols] of [...stacks, [2, 40, 36]]) {
    const stack = () => random([n, rows, cols]);
    for (const slot of [0, n - 1]) {
      const [g, p] = [random([rows, cols]), random([rows, cols])];
      const momentum = { out: stack(), momentum: stack(), g, slot, mu: 0.95, gradientScale: 0.5 };
      await checkOperation(device, "muonMomentum", momentum);
      const update = { p, x: stack(), slot, lr: 0.02, weightDecay: 0.3 };
      await checkOperation(device, "cautiousUpdate", update);
    }
  }
});

testOperation("frobeniusNormalize and equilibrateRows", all, async (device) => {
  for (const shape of stacks) {
    const settings = { target: 1.5, margin: 1.01, eps: 1e-6 };
    await checkOperation(device, "frobeniusNormalize", { x: random(shape), ...settings });
    await checkOperation(device, "equilibrateRows", { x: random(shape) });
  }
});

testOperation("muonVarianceReduction, tall, wide and square", all, async (device) => {
  for (const [n, rows, cols] of stacks) {
    const secondMomentum = positive(rows >= cols ? [n, rows, 1] : [n, 1, cols]);
    const x = random([n, rows, cols]);
    await checkOperation(device, "muonVarianceReduction", { x, secondMomentum, beta2: 0.9 });
  }
});

testOperation("Muon changes nothing where the guard is set", all, async (device) => {
  for (const [n, rows, cols] of stacks) {
    for (const value of [0, 1]) {
      const guard = ints([value]), slot = n - 1;
      const stack = () => random([n, rows, cols]);
      const [g, p] = [random([rows, cols]), random([rows, cols])];
      const momentum = { out: stack(), momentum: stack(), g, slot, mu: 0.95, guard };
      await checkOperation(device, "muonMomentum", momentum);
      const update = { p, x: stack(), slot, lr: 0.02, weightDecay: 0.3, guard };
      await checkOperation(device, "cautiousUpdate", update);
      const secondMomentum = positive(rows >= cols ? [n, rows, 1] : [n, 1, cols]);
      const reduction = { x: stack(), secondMomentum, beta2: 0.9, guard };
      await checkOperation(device, "muonVarianceReduction", reduction);
    }
  }
});

testOperation("rows and matrices of next to nothing stay small", all, async (device) => {
  for (const shape of stacks) {
    await checkOperation(device, "equilibrateRows", { x: random(shape, 3e-7) });
    const renormalize = { target: 1.5, margin: 1, eps: 0 };
    await checkOperation(device, "frobeniusNormalize", { x: random(shape, 1e-8), ...renormalize });
    await checkOperation(device, "frobeniusNormalize", { x: random(shape, 0), ...renormalize });
  }
});
