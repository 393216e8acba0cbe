/** NaN and infinity in any parameter come to light: in what is sampled, and in training. */
import { assertEquals } from "@std/assert";
import { NOT_NUMBERS } from "../../lib/device/mod.ts";
import { GPT, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { randomNumbers } from "../device/check_operation.ts";
import { devices } from "../device/devices.ts";
import { freshPass } from "./fresh_pass.ts";

const config = {
  sequenceLen: 32,
  vocabSize: 70,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
const sampling = { vocabSize: 70, mostTopK: 1 };

for (const { name: deviceName, device } of devices) {
  Deno.test({
    name: `${deviceName}: no parameter hides that it is not finite`,
    ignore: device === undefined,
    fn: async () => {
      if (!device) return;
      const model = new GPT(device, config, { training: true });
      const groups = parameterGroups([...model.parameters.values()], config.nEmbd, rates);
      const optimizer = new Optimizer(device, groups);
      const pass = new Pass(model, 1, 8, { training: true }),
        cached = freshPass(model, 1, 8, 8);
      const loss = device.allocate("loss", [1]), uniforms = device.allocate("uniforms", [1]);
      const out = device.allocate("chosen", [1], "int32"),
        choices = device.allocate("choices", [1, 4]);
      device.write(choices, Float32Array.of(0, 0, 1, 0));
      const next = randomNumbers(1);
      await model.load((_, __, count) =>
        Promise.resolve(Float32Array.from({ length: count }, () => next() - 0.5))
      );
      const ids = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
      const wrong: string[] = [];
      for (const { name, value } of model.parameters.values()) {
        const good = await device.read(value) as Float32Array;
        for (const number of [1, NaN, Infinity]) {
          if (number !== 1) device.write(value, good.map(() => number));
          cached.seat([{ pages: [0], length: 0 }]);
          device.write(cached.ids, ids);
          cached.forward(ids.length);
          device.sample({ out, logits: cached.logits(), uniforms, choices, ...sampling });
          const chosen = (await device.read(out))[0];

          device.zero({ x: loss });
          device.zero({ x: optimizer.guard });
          model.zeroGradients();
          pass.batch.write(ids, ids.map((id) => id + 1));
          pass.train(loss, 1);
          optimizer.step(0, 0.9, loss);
          const guard = (await device.read(optimizer.guard))[0];
          const isRight = number === 1
            ? chosen !== NOT_NUMBERS && guard === 0
            : chosen === NOT_NUMBERS && guard === 1;
          if (!isRight) wrong.push(`${name} ${number}: token ${chosen}, guard ${guard}`);
        }
        device.write(value, good);
      }
      assertEquals(wrong, []);
      for (const part of [model, optimizer, pass, cached]) part.free();
      for (const tensor of [loss, uniforms, out]) device.free(tensor);
    },
  });
}
