import { checkOperation, packed, random, testOperation } from "./check_operation.ts";
import { devices } from "./devices.ts";

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

testOperation("smear of packed conversations and its gradient", devices, async (device) => {
  // Rows of one conversation, of some that leave a filling, and of fillings alone.
  const T = 17, starts = packed([[T], [1, 4, 1, 9], []], T), shape = [3, T, 36], G = 12;
  const inputs = { x: random(shape), gate: random([1, G]), lambda: random([1]), starts };
  await checkOperation(device, "smear", { out: random(shape), ...inputs });
  await checkOperation(device, "smearBackward", {
    dx: random(shape),
    dgate: random([1, G]),
    dlambda: random([1]),
    dout: random(shape),
    ...inputs,
  });
});
