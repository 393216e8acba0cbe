/** When gradients are final, and which rows of tables have any. */
import { assert, assertEquals } from "@std/assert";
import { backwardOrder, GPT, Pass, touchedRows } from "../../lib/model/mod.ts";
import { devices } from "../device/devices.ts";

const CONFIG = {
  sequenceLen: 16,
  vocabSize: 100,
  nLayer: 3,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const B = 2, T = 16;
/** With a 0 in the middle of the second row. */
const tokens = Int32Array.from({ length: B * T }, (_, i) => (i * i * 7) % 40);

for (const { name, device } of devices) {
  for (const bigram of [false, true]) {
    Deno.test({
      name: `gradients are final when it is said${
        bigram ? ", with isolated bigrams" : ""
      }: ${name}`,
      ignore: device === undefined,
      fn: async () => {
        if (!device) return;
        const parts = { smear: true, backout: true, bigram };
        const model = new GPT(device, CONFIG, { training: true, parts });
        // No part of the model may be without a gradient.
        await model.load((_, start, count) =>
          Promise.resolve(
            Float32Array.from({ length: count }, (_, i) => 0.1 * Math.cos(start + i * i)),
          )
        );
        const separator = bigram ? 0 : undefined;
        const pass = new Pass(model, B, T, { training: true, separator });
        pass.batch.write(tokens, tokens);
        const loss = device.allocate("loss", [1]);
        const order = backwardOrder(model);
        assertEquals(order.flat().sort(), [...model.parameters.keys()].sort());
        const staged = new Map<string, { values(): Promise<ArrayLike<number>> }>();
        for (const buckets of pass.training(loss, 1)) {
          for (const name of order.slice(0, buckets).flat()) {
            if (!staged.has(name)) staged.set(name, device.stage(model.gradient(name)));
          }
        }
        assertEquals([...staged.keys()].sort(), [...model.parameters.keys()].sort());
        const touched = touchedRows(model, [tokens], pass);
        assertEquals(
          touched.get("transformer.wte.weight"),
          new Int32Array(new Set(tokens)).sort(),
        );
        for (const [name, { values }] of staged) {
          const early = await values(), gradient = await device.read(model.gradient(name));
          assertEquals([...Array.from(early)], [...gradient], name);
          assert(gradient.some((x) => x !== 0), name);
          const rows = touched.get(name), width = gradient.length / model.value(name).shape[0];
          if (!rows) continue;
          const found = [...gradient.keys()].filter((i) => gradient[i] !== 0);
          assertEquals(
            new Int32Array(new Set(found.map((i) => Math.floor(i / width)))),
            rows,
            name,
          );
        }
        pass.free();
        model.free();
      },
    });
  }
}
