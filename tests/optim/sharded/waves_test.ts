import { assert, assertEquals, assertLess } from "@std/assert";
import type { Tensor } from "../../../lib/device/mod.ts";
import { parameterGroups } from "../../../lib/optim/mod.ts";
import { stretchesOf } from "../../../lib/optim/sharded/ownership.ts";
import { wavesOf } from "../../../lib/optim/sharded/waves.ts";

const RATES = { embeddingLr: 0.3, unembeddingLr: 0.01, matrixLr: 0.02 };

/** Parameters of a large model; nothing is allocated. */
function large() {
  const parameter = (name: string, kind: "wte" | "matrix" | "scalar", ...shape: number[]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    return { name, kind, shape, value: { name, shape, size, dtype: "float32" } satisfies Tensor };
  };
  return parameterGroups(
    [
      parameter("wte", "wte", 65536, 2048),
      parameter("resid_lambdas", "scalar", 32),
      ...Array.from({ length: 5 }, (_, i) => parameter(`matrix ${i}`, "matrix", 8192, 2048)),
    ],
    2048,
    RATES,
  );
}

Deno.test("waves have every row once, whole, and are bounded for all ranks", () => {
  const groups = large();
  for (const worldSize of [1, 2, 3, 8, 64].filter((n) => 65536 % n === 0)) {
    const stretches = Array.from(
      { length: worldSize },
      (_, rank) => stretchesOf(groups, rank, worldSize).flat(),
    );
    const waves = wavesOf(stretches);
    for (const [rank, its] of stretches.entries()) {
      for (const stretch of its) {
        let end = stretch.start;
        for (const piece of waves.flatMap((wave) => wave[rank])) {
          if (piece.stretch !== stretch) continue;
          assertEquals(piece.start, end);
          assertEquals(piece.count % (stretch.parameter.shape[1] ?? 1), 0);
          end += piece.count;
        }
        assertEquals(end, stretch.start + stretch.count);
      }
    }
    for (const wave of waves) {
      const counts = wave.map((pieces) => pieces.reduce((sum, { count }) => sum + count, 0));
      assert(counts.some((count) => count > 0));
      // What the rank that updates the most receives, of all; rows are not cut.
      assertLess(worldSize * Math.max(...counts), (8 << 20) + worldSize * 2048);
    }
  }
});

Deno.test("of nothing there are no waves", () => {
  assertEquals(wavesOf([[], []]), []);
});
