/**
 * Isolated conversations of a packed row compute what each computes alone in a row: logits and
 * gradients, on every device.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { Device, Tensor } from "../../lib/device/mod.ts";
import { GPT, type ModelParts, NEWEST_PARTS, Pass } from "../../lib/model/mod.ts";
import { randomNumbers } from "../device/check_operation.ts";
import { devices } from "../device/devices.ts";

/** Its short window sees 64 tokens back. */
const CONFIG = {
  sequenceLen: 128,
  vocabSize: 64,
  nLayer: 3,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const SEPARATOR = 0;

/** Lengths of the conversations in each row; separators fill it up. */
const ROWS = [[20, 140], [3, 70, 1, 90]], T = 170;
const LENGTHS = ROWS.flat(), LONGEST = Math.max(...LENGTHS);

const PARTS: ModelParts = { ...NEWEST_PARTS, windows: "half" };
/** Models that together have every part that a place in the row could matter to. */
const MODELS: Record<string, ModelParts> = {
  "smear, backout": PARTS,
  bigrams: {
    ...PARTS,
    smear: false,
    backout: false,
    bigram: true,
    valueGate: { channels: 32, scale: 2 },
  },
};

const random = randomNumbers(17);
/** Each begins with the separator, and has it nowhere else. */
const conversations = LENGTHS.map((length) =>
  Int32Array.from({ length }, (_, t) => t === 0 ? SEPARATOR : 1 + Math.floor(63 * random()))
);
/** Targets of some tokens of each, as training has them. */
const targets = conversations.map((x) =>
  x.map((id, t) => t % 3 === 2 ? (5 * id + t) % CONFIG.vocabSize : -1)
);

/** Where in the batch of rows of a length each conversation begins. */
type Places = readonly number[];

/** One after the other, as they are packed. */
const PACKED: Places = ROWS.flatMap((lengths, row) => {
  let start = row * T;
  return lengths.map((length) => (start += length) - length);
});
/** Each at the beginning of its own row, behind which nothing is seen. */
const ALONE: Places = LENGTHS.map((_, row) => row * LONGEST);

/** A batch of so many tokens with lists at places. */
function batchOf(length: number, lists: readonly Int32Array[], places: Places, fill: number) {
  const batch = new Int32Array(length).fill(fill);
  lists.forEach((list, i) => batch.set(list, places[i]));
  return batch;
}

async function floats(device: Device, tensor: Tensor): Promise<Float32Array> {
  return await device.read(tensor) as Float32Array;
}

/** What a pass computes for the conversations: (V) logits of each of their tokens, and gradients. */
async function compute(pass: Pass, places: Places) {
  const { B, T, model, model: { device, config: { vocabSize: V } } } = pass;
  const x = batchOf(B * T, conversations, places, SEPARATOR);
  const y = batchOf(B * T, targets, places, -1);
  // Every row counts, so that each has its logits.
  pass.batch.write(x, x);
  pass.forward();
  assert(pass.head.chunkRows >= x.length);
  const all = await floats(device, pass.head.logits(pass.final, pass.batch.index, 0, x.length));
  const logits = conversations.flatMap((
    { length },
    i,
  ) => [...all.subarray(places[i] * V, (places[i] + length) * V)]);

  const loss = device.allocate("loss", [1]);
  pass.batch.write(x, y);
  model.zeroGradients();
  pass.train(loss, 1);
  const gradients = new Map<string, Float32Array>();
  for (const { name, gradient } of model.parameters.values()) {
    gradients.set(name, await floats(device, gradient!));
  }
  device.free(loss);
  pass.free();
  return { logits, gradients };
}

const farthest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Float64Array.from(a, (value, i) => Math.abs(value - b[i])).reduce((x, y) => Math.max(x, y), 0);
const largest = (a: Float32Array) => farthest(a, new Float32Array(a.length));

for (const { name: deviceName, device } of devices) {
  for (const [name, parts] of Object.entries(MODELS)) {
    Deno.test({
      name: `${deviceName}: isolated conversations compute what each does alone, ${name}`,
      ignore: device === undefined,
      fn: async () => {
        if (!device) return;
        const model = new GPT(device, CONFIG, { parts, training: true });
        await model.load((_, start, count) => {
          const next = randomNumbers(start + count);
          return Promise.resolve(Float32Array.from({ length: count }, () => 0.4 * next() - 0.2));
        });
        const training = true;
        const alone = await compute(
          new Pass(model, LENGTHS.length, LONGEST, { training }),
          ALONE,
        );
        const packed = (options: { separator?: number; recompute?: boolean }) =>
          compute(new Pass(model, ROWS.length, T, { training, ...options }), PACKED);

        const isolated = await packed({ separator: SEPARATOR });
        assertLess(farthest(isolated.logits, alone.logits), 2e-5);
        for (const [name, gradient] of alone.gradients) {
          const found = isolated.gradients.get(name)!;
          assertLess(farthest(found, gradient), 1e-4 * largest(gradient), name);
        }
        assertEquals(await packed({ separator: SEPARATOR, recompute: true }), isolated);

        const together = await packed({});
        assert(farthest(together.logits, alone.logits) > 0.1);
        for (const [name, gradient] of alone.gradients) {
          const found = together.gradients.get(name)!;
          assert(farthest(found, gradient) > 1e-2 * largest(gradient), name);
        }
        model.free();
      },
    });
  }
}
