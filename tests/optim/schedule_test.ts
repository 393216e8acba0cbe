import { assertAlmostEquals, assertEquals } from "@std/assert";
import { lrMultiplier, momentumCoefficient } from "../../lib/optim/mod.ts";

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

Deno.test("Muon's momentum rises over 300 steps", () => {
  assertEquals(momentumCoefficient(0), 0.85);
  assertAlmostEquals(momentumCoefficient(150), 0.9, 1e-12);
  assertAlmostEquals(momentumCoefficient(1000), 0.95, 1e-12);
});
