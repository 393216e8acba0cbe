import { assert, assertEquals, assertRejects } from "@std/assert";
import { runLaboratory } from "../../bench/kernels/laboratory.ts";
import { findAdapter } from "../../lib/device/webgpu/mod.ts";
import { UserError } from "../../lib/errors.ts";

const shape = { C: 64, H: 2, D: 32, T: 64, V: 256 };
const adapter = await findAdapter();

Deno.test({
  name: "the laboratory times the kernels of an operation and checks them",
  ignore: !adapter?.features.has("timestamp-query"),
  fn: async () => {
    const lines: string[] = [];
    const wrong = await runLaboratory(shape, "smearB", (line) => lines.push(line));
    assertEquals(wrong, 0);
    assertEquals(lines.filter((line) => line.length > 100), []);

    const [operation, ...kernels] = lines.slice(-4).map((line) => line.trim().split(/  +/));
    const [name, length, dispatches, ms, flops] = operation;
    assertEquals([name, length, dispatches], ["smearBackward", "N 64", "3"]);
    assert(Number(ms) > 0 && Number(flops) > 0);
    assertEquals(kernels.map(([name]) => name), [
      "smear_backward_rows",
      "smear_backward_input",
      "smear_backward_gate",
    ]);
    const sum = kernels.reduce((sum, [, , ms]) => sum + Number(ms), 0);
    assert(Math.abs(sum - Number(ms)) < 0.1 * sum, `${ms} ms is not the sum ${sum}`);
  },
});

Deno.test("the laboratory names its operations where none is meant", async () => {
  await assertRejects(
    () => runLaboratory(shape, "matmull", () => {}),
    UserError,
    'no operation has "matmull" in its name: matmul, ',
  );
});
