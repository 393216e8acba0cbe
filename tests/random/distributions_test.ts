import { assertAlmostEquals } from "@std/assert";
import { PythonRandom } from "../../lib/random/mod.ts";

Deno.test("gauss and uniform give Python's numbers", () => {
  // Python: r = random.Random(42); [r.gauss(0, 1) for _ in range(3)], r.uniform(-2, 3), r.gauss(1, 2)
  const random = new PythonRandom(42);
  assertAlmostEquals(random.gauss(), -0.14409032957792836, 1e-14);
  assertAlmostEquals(random.gauss(), -0.1729036003315193, 1e-14);
  assertAlmostEquals(random.gauss(), -0.11131586156766246, 1e-14);
  assertAlmostEquals(random.uniform(-2, 3), 1.6823560708200622, 1e-14);
  assertAlmostEquals(random.gauss(1, 2), 2.403967450197726, 1e-14);
});
