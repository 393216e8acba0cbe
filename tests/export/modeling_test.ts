/** The class that an export brings along, run by PyTorch. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { openSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import { writeHfFolder } from "../../lib/export/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { fixtureFolder, openFixture } from "./models.ts";
import { pythonWithTorch, runPython } from "./python.ts";

const python = await pythonWithTorch();
const SCRIPT = fromFileUrl(new URL("run_model.py", import.meta.url));

/** What `run_model.py` prints. */
interface Measures {
  logits: number[];
  in_parts: number;
  left: number;
  left_other_row: number;
  left_in_parts: number;
  right: number;
  kept: number;
  loss: number;
  without_gradient: string[];
  generated: number[][];
  uncached: number[][];
  refused: Record<string, string | null>;
}

for (const name of ["parity/gqa_sliding", "parity/mha_full"]) {
  Deno.test({
    name:
      `${name}, exported: PyTorch computes nanochat's logits, with a cache, padded, with a loss`,
    ignore: python === undefined,
    fn: () =>
      inTempDir(async (dir) => {
        using model = await openFixture(name);
        const folder = join(dir, "hf"), request = join(dir, "request.json");
        await writeHfFolder(model, folder);
        using expected = await openSafetensors(join(fixtureFolder(name), "expected.safetensors"));
        const x = expected.tensors.get("x")!;
        const [B, T] = x.shape, flat = Array.from(await x.read() as Int32Array);
        const ids = Array.from({ length: B }, (_, b) => flat.slice(b * T, (b + 1) * T));
        await Deno.writeTextFile(request, JSON.stringify({ ids, prompt: 7 }));
        const measures: Measures = JSON.parse(await runPython(python!, SCRIPT, folder, request));
        const logits = await expected.tensors.get("logits")!.readFloat32();
        assertEquals(measures.logits.length, logits.length);
        assertBelow(
          1e-4,
          logits.reduce((max, value, i) => Math.max(max, Math.abs(value - measures.logits[i])), 0),
        );
        for (
          const key of ["in_parts", "left", "left_in_parts", "left_other_row", "right"] as const
        ) assertBelow(2e-5, measures[key], key);
        assertEquals(measures.kept < 2e-5, true);
        assertBelow(1e-5, measures.loss, "loss");
        assertEquals(measures.without_gradient, []);
        assertEquals(measures.generated, measures.uncached);
        for (const [what, told] of Object.entries(measures.refused)) assert(told, what);
      }),
  });
}

/** Refuses NaN too. */
function assertBelow(limit: number, error: number, what = "logits"): void {
  assert(error < limit, `${what}: ${error} is not below ${limit}`);
}
