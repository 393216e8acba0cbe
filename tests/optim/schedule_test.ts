import { assertAlmostEquals, assertEquals } from "@std/assert";
import { lrMultiplier, momentumCoefficient, stepMultiplier } from "../../lib/optim/mod.ts";

Deno.test("the multiplier rises, stays and falls, and never leaves [0, 1]", () => {
  const options = { warmupRatio: 0.1, warmdownRatio: 0.4, finalLrFrac: 0.1 };
  const at = (progress: number) => lrMultiplier(progress, options);
  assertAlmostEquals(at(0.05), 0.5, 1e-6);
  assertEquals(at(0.3), 1);
  assertAlmostEquals(at(0.8), 0.55, 1e-12);
  assertAlmostEquals(at(1), 0.1, 1e-12);
  // A count of micro-batches once took nanochat's progress beyond 1, and its rates below 0.
  assertAlmostEquals(at(1.7), 0.1, 1e-12);
  assertAlmostEquals(at(-1), 1e-7, 1e-12);
});

Deno.test("without warm-up and warm-down the multiplier is always 1", () => {
  const options = { warmupRatio: 0, warmdownRatio: 0, finalLrFrac: 0 };
  assertEquals([0, 0.5, 1].map((p) => lrMultiplier(p, options)), [1, 1, 1]);
});

Deno.test("of a number of steps none is at rate 0, and the last is not at the end", () => {
  const rates = (steps: number, warmupRatio: number, warmdownRatio: number) =>
    Array.from(
      { length: steps },
      (_, step) => stepMultiplier(step, steps, { warmupRatio, warmdownRatio, finalLrFrac: 0 }),
    );
  // nanochat's pretraining: (step + 1) / 4 of the rise, then (20 − step) / 10 of the fall.
  const expected = Array.from({ length: 20 }, (_, step) => Math.min(1, (step + 1) / 4))
    .map((rise, step) => Math.min(rise, (20 - step) / 10));
  rates(20, 0.2, 0.5).forEach((rate, step) => assertAlmostEquals(rate, expected[step], 1e-12));
  assertEquals(rates(1, 0, 1), [1]);
  for (const steps of [1, 2, 3, 7, 100]) {
    for (const [warmup, warmdown] of [[0, 0.5], [0.01, 0.985], [0.5, 0.5], [1, 0], [0, 1]]) {
      for (const rate of rates(steps, warmup, warmdown)) {
        assertEquals(rate > 0.99 / steps && rate <= 1, true, `${steps} ${warmup} ${rate}`);
      }
    }
  }
});

Deno.test("Muon's momentum rises over 300 steps", () => {
  assertEquals(momentumCoefficient(0), 0.85);
  assertAlmostEquals(momentumCoefficient(150), 0.9, 1e-12);
  assertAlmostEquals(momentumCoefficient(1000), 0.95, 1e-12);
});
