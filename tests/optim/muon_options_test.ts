/** Muon's later variations, on every device against float64. */
import { assertLess } from "@std/assert";
import { type Device, sizeOf } from "../../lib/device/mod.ts";
import { Optimizer } from "../../lib/optim/mod.ts";
import { PythonRandom } from "../../lib/random/mod.ts";
import { devices } from "../device/devices.ts";
import { Float64Device } from "../device/float64_device.ts";
import { relativeError } from "../model/parity.ts";

const VARIATIONS = [{ equilibrateRows: true }, { renormalize: true }];

/** Three steps on one tall and two wide matrices; returns their values in a row. */
async function train(device: Device, options: (typeof VARIATIONS)[number]): Promise<number[]> {
  const random = new PythonRandom(5);
  const tensor = (name: string, shape: number[]) => {
    const made = device.allocate(name, shape);
    const uniform = () => 2 * random.random() - 1;
    device.write(made, Float32Array.from({ length: sizeOf(shape) }, uniform));
    return made;
  };
  const parameters = [[24, 12], [8, 20], [8, 20]].map((shape, i) => ({
    name: `matrix ${i}`,
    shape,
    kind: "matrix" as const,
    value: tensor(`matrix ${i}`, shape),
    gradient: tensor(`gradient ${i}`, shape),
  }));
  const group = { kind: "muon" as const, lr: 0.02, weightDecay: 0.1, beta2: 0.9 };
  const groups = [
    { ...group, parameters: parameters.slice(0, 1) },
    { ...group, parameters: parameters.slice(1) },
  ];
  const optimizer = new Optimizer(device, groups, options);
  for (let step = 0; step < 3; step++) optimizer.step(1, 0.9);
  const values = await Promise.all(parameters.map(({ value }) => device.read(value)));
  optimizer.free();
  return values.flatMap((array) => [...array]);
}

for (const options of VARIATIONS) {
  const [name] = Object.keys(options);
  const expected = await train(new Float64Device(), options);
  for (const { name: deviceName, device } of devices) {
    Deno.test(`${deviceName}: Muon with ${name}`, { ignore: device === undefined }, async () => {
      assertLess(relativeError(await train(device!, options), expected), 1e-5);
    });
  }
}

Deno.test("each variation changes the update", async () => {
  const plain = await train(new Float64Device(), {} as (typeof VARIATIONS)[number]);
  for (const options of VARIATIONS) {
    const varied = await train(new Float64Device(), options);
    assertLess(1e-5, relativeError(varied, plain));
  }
});
