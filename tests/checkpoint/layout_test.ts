/** Which files of a folder belong together does not depend on the order of its names. */
import { assertEquals } from "@std/assert";
import { filesOfStep, optimizersOfStep } from "../../lib/checkpoint/layout.ts";

/** Every order of some names. */
function orders(names: string[]): string[][] {
  if (names.length === 0) return [[]];
  return names.flatMap((name, i) => orders(names.toSpliced(i, 1)).map((rest) => [name, ...rest]));
}

Deno.test("shares that name their rank go before a file without one", () => {
  const model = ["model_000010.pt", "meta_000010.json"];
  const cases: [optimizers: string[], expected: [number, string][]][] = [
    [["optim_000010.pt"], [[0, "optim_000010.pt"]]],
    [["optim_000010.pt", "optim_000010_rank0.pt"], [[0, "optim_000010_rank0.pt"]]],
    // A first share that is missing is missing, whatever lies there without a rank.
    [["optim_000010.pt", "optim_000010_rank1.pt"], [[1, "optim_000010_rank1.pt"]]],
    [
      ["optim_000010_rank1.pt", "optim_000010.pt", "optim_000010_rank0.pt"],
      [[0, "optim_000010_rank0.pt"], [1, "optim_000010_rank1.pt"]],
    ],
  ];
  for (const [optimizers, expected] of cases) {
    for (const names of orders([...model, ...optimizers])) {
      const files = filesOfStep(names, "d12", 10);
      assertEquals([...files.optimizers].sort(([a], [b]) => a - b), expected, names.join());
    }
  }
});

Deno.test("this package's names of several processes' states are known, and go before one's", () => {
  const model = ["step_10_model.pt", "step_10_meta.json"];
  const [one, ...ranks] = ["", "_rank0", "_rank1", "_rank10"]
    .map((rank) => `step_10_optimizer${rank}.pt`);
  for (const names of orders([...model, one, ...ranks])) {
    const { optimizers } = filesOfStep(names, "d12", 10);
    assertEquals([...optimizers], [[0, ranks[0]], [1, ranks[1]], [10, ranks[2]]]);
    assertEquals(optimizersOfStep(names, 10).sort(), [one, ...ranks].sort());
  }
});
