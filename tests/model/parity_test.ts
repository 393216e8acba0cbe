/** Forward pass, gradients and optimizer steps against the numbers that nanochat computed. */
import type { Device } from "../../lib/device/mod.ts";
import { devices } from "../device/devices.ts";
import { parityModel } from "./parity.ts";
import { PARITY_MODELS, parityFolder } from "./parity_folders.ts";
import { checkForward, checkTraining } from "./parity_checks.ts";
import { measureForward, measureTraining } from "./parity_measures.ts";

for (const { name: deviceName, device } of devices) {
  for (const folder of PARITY_MODELS) {
    const test = (what: string, fn: (device: Device) => Promise<void>) =>
      Deno.test(
        `${deviceName}: ${folder}: ${what}`,
        { ignore: device === undefined },
        () => fn(device!),
      );

    test("logits, losses, bits per byte and sizes", async (device) => {
      const parity = await parityModel(device, parityFolder(folder));
      checkForward(await measureForward(parity), parity.expected);
      parity.model.free();
    });

    test("gradients, three optimizer steps and the greedy continuation", async (device) => {
      const parity = await parityModel(device, parityFolder(folder));
      checkTraining(await measureTraining(parity), parity.expected);
      parity.model.free();
    });
  }
}
