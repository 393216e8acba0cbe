/** How far a device may be from the numbers that nanochat computed. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Expected } from "./parity.ts";
import type { ForwardMeasures, TrainingMeasures } from "./parity_measures.ts";

/** Compares a forward pass with the reference's. */
export function checkForward(measures: ForwardMeasures, expected: Expected): void {
  assertSmall(measures.logits, 2e-5, "logits");
  assertSmall(measures.losses, 2e-5, "losses");
  assertAlmostEquals(measures.bitsPerByte, expected.bpb, 1e-5);
  assertEquals(measures.flopsPerToken, expected.flops_per_token);
  assertEquals(measures.windowSizes, expected.window_sizes.map(([left]) => left));
  for (const [purpose, count] of Object.entries(measures.counts)) {
    assertEquals(count, expected.num_scaling_params[purpose], purpose);
  }
}

/** Compares training with the reference's. */
export function checkTraining(measures: TrainingMeasures, expected: Expected): void {
  assertEquals(measures.losses.length, expected.steps.length);
  assertEquals(measures.changes.length, expected.steps.length);
  const names = Object.keys(measures.gradients);
  assert(names.length > 0);
  for (const name of names) {
    assertSmall(measures.gradients[name], 1e-4, `gradient of ${name}`);
  }
  for (const [step, { loss }] of expected.steps.entries()) {
    assertAlmostEquals(measures.losses[step], loss, 2e-5);
    assertEquals(Object.keys(measures.changes[step]), names);
    for (const name of names) {
      assertSmall(measures.changes[step][name], 1e-3, `change of ${name} in step ${step}`);
    }
  }
  assertEquals(measures.greedy, expected.greedy.continuation);
}

/** Refuses what is no number as well: NaN, or null, which JSON makes of it. */
function assertSmall(error: number, limit: number, what: string): void {
  assert(Number.isFinite(error) && error < limit, `${what}: ${error} is not below ${limit}`);
}
