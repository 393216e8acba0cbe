import {
  checkOperation,
  floats,
  ints,
  positive,
  random,
  testOperation,
} from "./check_operation.ts";
import { devices, devicesThatSplit } from "./devices.ts";

const all = [...devices, ...devicesThatSplit];
const shapes = [[1], [7], [3, 5], [64, 4], [37, 41], [130, 36], [2, 3, 4, 5]];

testOperation("zero and copy", all, async (device) => {
  for (const shape of shapes) {
    await checkOperation(device, "zero", { x: random(shape) });
    await checkOperation(device, "copy", { out: random(shape), x: random(shape) });
  }
});

testOperation("combine with every kind of coefficient, in place or not", all, async (device) => {
  const lambdas = random([5]);
  for (const shape of shapes) {
    for (const a of [1, { tensor: lambdas, index: 2 }] as const) {
      for (const b of [1, { tensor: lambdas, index: 4, negate: true }] as const) {
        const [out, x, y] = [random(shape), random(shape), random(shape)];
        await checkOperation(device, "combine", { out, x, y, a, b });
        await checkOperation(device, "combine", { out: x, x, y, a, b });
      }
    }
  }
});

testOperation("combineBackward, in place or not", all, async (device) => {
  const lambdas = random([5]);
  const [da, db] = [random([5]), random([7])];
  const a = { tensor: lambdas, index: 3 };
  const b = { tensor: lambdas, index: 1, negate: true };
  for (const shape of shapes) {
    const [dx, dy, dout, x, y] = Array.from({ length: 5 }, () => random(shape));
    await checkOperation(device, "combineBackward", { dx, dy, dout, x, y, a: 1, b: 1 });
    await checkOperation(device, "combineBackward", { dx, dy, da, db, dout, x, y, a, b });
    await checkOperation(device, "combineBackward", {
      dx: dout,
      dy,
      da: db,
      db: da,
      dout,
      x,
      y,
      a,
      b,
    });
    await checkOperation(device, "combineBackward", {
      dx: dout,
      dy,
      db,
      dout,
      x,
      y,
      a: 1,
      b,
      overwriteDy: true,
    });
    const both = random([5]);
    const args = { dx, dy, da: both, db: both, dout, x, y, a, b, overwriteDy: true };
    await checkOperation(device, "combineBackward", args);
  }
});

testOperation("softcap, from tiny to huge", all, async (device) => {
  for (const scale of [1e-3, 1, 30, 1e4]) {
    await checkOperation(device, "softcap", { x: random([37, 12], scale), cap: 15 });
  }
});

testOperation("sum, plain and weighted", all, async (device) => {
  for (const shape of [...shapes, [513, 257]]) {
    await checkOperation(device, "sum", { out: random([3]), x: positive(shape), scale: 0.5 });
    const [x, weights] = [positive(shape), positive(shape)];
    await checkOperation(device, "sum", { out: random([1]), x, weights, scale: -2 });
  }
});

testOperation("softcap does not hide what is no number", all, async (device) => {
  for (const length of [7, 8]) {
    const values = [3, NaN, -1, Infinity, -Infinity, 0, -NaN, 1e30].slice(0, length);
    await checkOperation(device, "softcap", { x: floats([length], values), cap: 15 });
  }
});

testOperation("checkFinite finds one element among many, whatever it is", all, async (device) => {
  for (const shape of [[1], [2], [7], [37, 41], [130, 36], [33000]]) {
    const { values } = random(shape, 1e38);
    const size = values.length;
    for (const flag of [0, 1]) {
      const finite = values.with(0, 3.4028234e38).with(size - 1, -1e-42);
      await checkOperation(device, "checkFinite", { x: floats(shape, finite), flag: ints([flag]) });
    }
    for (const place of [0, size >> 1, size - 1]) {
      for (const wrong of [NaN, -NaN, Infinity, -Infinity]) {
        const x = floats(shape, values.with(place, wrong));
        await checkOperation(device, "checkFinite", { x, flag: ints([0]) });
      }
    }
  }
});
