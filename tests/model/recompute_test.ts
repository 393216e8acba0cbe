/** Activations that are computed again give what those that are kept give, to the last bit. */
import { assert, assertEquals } from "@std/assert";
import { GPT, type ModelConfig, Pass } from "../../lib/model/mod.ts";
import { devices } from "../device/devices.ts";

const CONFIG: ModelConfig = {
  sequenceLen: 48,
  vocabSize: 90,
  nLayer: 4,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const B = 2, T = 40;

for (const { name, device } of devices) {
  Deno.test({
    name: `layers computed again in the backward pass change no bit: ${name}`,
    ignore: device === undefined,
    fn: async () => {
      if (!device) return;
      const tokens = Int32Array.from({ length: B * T }, (_, i) => (i * i + 7) % 90);
      const results: Float32Array[][] = [], memory: number[] = [];
      for (const recompute of [false, true]) {
        const model = new GPT(device, CONFIG, { training: true });
        await model.load((_, start, count) =>
          Promise.resolve(
            Float32Array.from({ length: count }, (_, i) => 0.1 * Math.cos(start + i * i)),
          )
        );
        const before = device.memory.used, loss = device.allocate("loss", [1]);
        const pass = new Pass(model, B, T, { training: true, recompute });
        memory.push(device.memory.used - before);
        // A second micro-batch is added to the first.
        for (const shift of [0, 1]) {
          pass.batch.write(tokens.map((token) => (token + shift) % 90), tokens);
          pass.train(loss, 0.5);
        }
        const tensors = [loss, ...[...model.parameters.values()].map((p) => p.gradient!)];
        const found = tensors.map((tensor) => device.stage(tensor));
        results.push(await Promise.all(found.map(async (f) => await f.values() as Float32Array)));
        pass.free();
        device.free(loss);
        model.free();
      }
      assertEquals(results[1], results[0]);
      assert(memory[1] < 0.6 * memory[0], `${memory}`);
    },
  });
}
