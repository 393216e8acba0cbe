/** What is chosen for one's own conversations alone. */
import { assert, assertEquals } from "@std/assert";
import { accumulationSteps, smallDataSettings } from "../../lib/training/mod.ts";

const CHECKPOINT = { maxSeqLen: 512, deviceBatchSize: 8, totalBatchSize: 4096 };
const LARGE = { maxSeqLen: 2048, deviceBatchSize: 32, totalBatchSize: 524288 };

type Said = Parameters<typeof smallDataSettings>[2];
type Others = Parameters<typeof smallDataSettings>[3];

/** The settings by name, with what was said. */
function settings(amount: number[], checkpoint = CHECKPOINT, said: Said = {}, others?: Others) {
  const [conversations, tokens, longest] = amount;
  const chosen = smallDataSettings({ conversations, tokens, longest }, checkpoint, said, others);
  const values = Object.fromEntries(chosen.map(({ name, value }) => [name, value]));
  return { chosen: values, all: { ...values, ...said } as unknown as Record<string, number> };
}

/** Conversations, tokens and the longest's tokens. */
const AMOUNTS = [
  [1, 9, 9],
  [19, 969, 87],
  [95, 17_000, 609],
  [475, 80_000, 300],
  [4000, 1_200_000, 3000],
];

Deno.test("whatever there is, steps are whole, and rows no longer than needed or had", () => {
  for (const amount of AMOUNTS) {
    for (const checkpoint of [CHECKPOINT, LARGE]) {
      for (const worldSize of [1, 2, 3]) {
        const { all } = settings(amount, checkpoint, {}, { worldSize });
        const { maxSeqLen: T, deviceBatchSize: B, totalBatchSize: total } = all;
        const batches = { maxSeqLen: T, deviceBatchSize: B, totalBatchSize: total };
        assert(accumulationSteps(batches, worldSize) >= 1);
        assert(T <= checkpoint.maxSeqLen && (T >= amount[2] - 1 || T === checkpoint.maxSeqLen));
        assert(T < amount[2] + 64);
        assert(B * T <= checkpoint.deviceBatchSize * checkpoint.maxSeqLen);
        assertEquals(all.isolate as unknown, true);
        assert(all.numIterations >= 1 && all.evalEvery >= 1 && all.initLrFrac > 0);
        // Every conversation is seen, and a run is measured often enough to end by its patience.
        assert(all.numIterations * total >= amount[1]);
        assert(all.numIterations / all.evalEvery <= 16);
      }
    }
  }
});

Deno.test("fewer conversations are seen more often, in smaller steps", () => {
  const some = AMOUNTS.slice(1);
  const epochs = some.map((amount) => {
    const { numIterations, totalBatchSize } = settings(amount).all;
    return Math.round(numIterations * totalBatchSize / amount[1]);
  });
  assertEquals(epochs, epochs.toSorted((a, b) => b - a));
  assert(epochs[0] > epochs.at(-1)!);
  const steps = some.map((amount) => settings(amount).all.totalBatchSize);
  assertEquals(steps, steps.toSorted((a, b) => a - b));
  assert(steps.every((tokens) => tokens <= CHECKPOINT.totalBatchSize));
});

Deno.test("what was said stands, and the rest goes with it", () => {
  const said = { maxSeqLen: 256, deviceBatchSize: 3, numIterations: 200, warmupRatio: 0.25 };
  const { chosen, all } = settings([95, 17_000, 609], CHECKPOINT, said);
  for (const name of Object.keys(said)) assert(!(name in chosen), name);
  assertEquals(all.totalBatchSize % (3 * 256), 0);
  assertEquals(all.evalEvery, 13);
  assertEquals(all.warmdownRatio, 0.75);
  // Where it was said how often each conversation is in the data, that is passed once.
  assertEquals(settings([57, 3000, 87], CHECKPOINT, {}, { hasEpochs: true }).all.numIterations, -1);
  assertEquals(
    settings([57, 3000, 87], CHECKPOINT, { totalBatchSize: 1000 }).chosen.totalBatchSize,
    undefined,
  );
  // Rows are longer where steps that were said have whole rows only so.
  const lengthOf = (totalBatchSize: number, deviceBatchSize?: number) =>
    settings([30, 7921, 313], CHECKPOINT, { totalBatchSize, deviceBatchSize }).all.maxSeqLen;
  assertEquals([640, 768, 4096, 512].map((total) => lengthOf(total)), [320, 384, 512, 512]);
  assertEquals(lengthOf(3072, 8), 384);
  // Where none have, whoever said so is told.
  assertEquals(lengthOf(1000), 320);
});
