import { checkOperation, random, testOperation } from "./check_operation.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];
const shapes = [[1, 4], [3, 7], [2, 5, 36], [70, 260], [9, 1, 33]];

testOperation("rmsNorm and its gradient", all, async (device) => {
  for (const shape of shapes) {
    for (const scale of [1e-4, 1, 100]) {
      const [out, x] = [random(shape), random(shape, scale)];
      await checkOperation(device, "rmsNorm", { out, x });
      const y = random(shape, scale), tensor = random([3]);
      const a = { tensor, index: 2 }, b = { tensor, index: 0, negate: true };
      const [mixed, normed] = [random(shape), random(shape)];
      await checkOperation(device, "combineNorm", { out: mixed, normed, x, y, a, b });
      await checkOperation(device, "combineNorm", { out: y, normed, x: y, y: x, a: 1, b });
      const [dx, dout] = [random(shape), random(shape)];
      await checkOperation(device, "rmsNormBackward", { dx, dout, x });
      const far = random(shape, 1 / scale);
      await checkOperation(device, "rmsNormBackward", { dx: far, dout, x, accumulate: true });
    }
  }
});
