/** Heads of any even size, on each device as in float64; what PyTorch refuses is refused. */
import { assertLess, assertThrows } from "@std/assert";
import type { Device, Tensor } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT, type ModelConfig, Pass } from "../../lib/model/mod.ts";
import { randomNumbers } from "../device/check_operation.ts";
import { devices } from "../device/devices.ts";
import { Float64Device } from "../device/float64_device.ts";
import { relativeError } from "./parity.ts";
import { freshPass } from "./fresh_pass.ts";

/** A small model with heads of D numbers. */
function configOf(D: number, nHead: number, nKvHead = nHead): ModelConfig {
  const sizes = { sequenceLen: 160, vocabSize: 70, nLayer: 3, windowPattern: "SL" };
  return { ...sizes, nHead, nKvHead, nEmbd: D * nHead };
}

const B = 2, T = 12;

/** What a model of arbitrary weights gives for a batch: by name, as read from the device. */
async function results(device: Device, config: ModelConfig): Promise<Map<string, Float32Array>> {
  const model = new GPT(device, config, { training: true });
  const next = randomNumbers(5);
  await model.load((_, __, count) =>
    Promise.resolve(Float32Array.from({ length: count }, () => 0.6 * (next() - 0.5)))
  );
  const pass = new Pass(model, B, T, { training: true }), cached = freshPass(model, B, 40, T);
  const loss = device.allocate("loss", [1]);
  const ids = Int32Array.from({ length: B * T }, () => Math.floor(next() * config.vocabSize));
  pass.batch.write(ids, ids.map((id, i) => i % 3 === 0 ? -1 : (id + 1) % config.vocabSize));
  model.zeroGradients();
  pass.train(loss, 1);
  const found = new Map<string, Float32Array>();
  const keep = async (name: string, tensor: Tensor) =>
    void found.set(name, await device.read(tensor) as Float32Array);
  await keep("loss", loss);
  for (const { name, gradient } of model.parameters.values()) await keep(name, gradient!);
  // A prompt, then a token: tiles of queries, then single ones.
  device.write(cached.ids, ids);
  cached.forward(T);
  await keep("logits after the prompt", cached.logits());
  device.write(cached.ids, Int32Array.of(7, 9));
  cached.forward(1);
  await keep("logits after a token", cached.logits());
  for (const part of [model, pass, cached]) part.free();
  device.free(loss);
  return found;
}

const SHAPES: [D: number, nHead: number, nKvHead: number][] = [
  [2, 12, 6],
  [6, 4, 2],
  [10, 3, 1],
  [14, 2, 2],
  [18, 2, 1],
  [66, 1, 1],
];
const expected = new Map<number, Map<string, Float32Array>>();

for (const { name: deviceName, device } of devices) {
  for (const [D, nHead, nKvHead] of SHAPES) {
    Deno.test({
      name: `${deviceName}: heads of ${D} numbers give what float64 gives`,
      ignore: device === undefined,
      fn: async () => {
        const config = configOf(D, nHead, nKvHead);
        if (!expected.has(D)) expected.set(D, await results(new Float64Device(), config));
        for (const [name, values] of await results(device!, config)) {
          assertLess(relativeError(values, expected.get(D)!.get(name)!), 1e-4, name);
        }
      },
    });
  }

  Deno.test({
    name: `${deviceName}: what PyTorch refuses is refused in one line`,
    ignore: device === undefined,
    fn: () => {
      const refused: [ModelConfig, string][] = [
        [configOf(15, 4), "heads of 15 numbers"],
        [configOf(31, 1), "heads of 31 numbers"],
        [configOf(3, 8), "heads of 3 numbers"],
        [configOf(1, 24), "heads of 1 numbers"],
        [configOf(8, 2), "its gates read the first 24"],
        [configOf(22, 1), "its gates read the first 24"],
        [{ ...configOf(16, 4), nEmbd: 62 }, "does not divide evenly"],
        [configOf(16, 4, 3), "does not divide evenly"],
      ];
      const used = device!.memory.used;
      for (const [config, message] of refused) {
        assertThrows(() => new GPT(device!, config), UserError, message);
      }
      // Without the smear gate, which reads 24 channels, 12 are enough.
      const parts = { smear: false, backout: false };
      assertThrows(() => new GPT(device!, configOf(10, 1), { parts }), UserError, "the first 12");
      new GPT(device!, configOf(6, 2), { parts }).free();
      assertLess(device!.memory.used - used, 1);
    },
  });
}

Deno.test("more tokens than bigrams are hashed of are refused, and no fewer", () => {
  const parts = { smear: false, backout: false, bigram: true };
  const most = { ...configOf(16, 4), vocabSize: 118277 };
  new GPT(new Float64Device(), { ...most, nLayer: 1, nEmbd: 16, nHead: 1, nKvHead: 1 }, { parts })
    .free();
  assertThrows(
    () => new GPT(new Float64Device(), { ...most, vocabSize: 118278 }, { parts }),
    UserError,
    "a model of 118278 tokens has too many for embeddings of bigrams",
  );
});
