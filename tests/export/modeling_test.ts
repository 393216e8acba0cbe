/** The class that an export brings along, run by PyTorch. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { writeHfFolder } from "../../lib/export/mod.ts";
import { ERA_FOLDERS, eraFolder, readEra } from "../model/eras.ts";
import { maxError } from "../model/parity.ts";
import { inTempDir } from "../temp_dir.ts";
import { openFixture } from "./models.ts";
import { pythonWithTorch, runPython } from "../python.ts";

const python = await pythonWithTorch();
const SCRIPT = fromFileUrl(new URL("run_model.py", import.meta.url));

/** What `run_model.py` prints: of what has no unit, the largest difference. */
interface Measures {
  logits: number[];
  /** Logits of a long row's last 24 positions. */
  long: number[];
  in_parts: number;
  left: number;
  left_other_row: number;
  left_in_parts: number;
  right: number;
  kept: number;
  loss: number;
  /** Loaded anew after transformers saved it; null where the stand-in ran, which does not save. */
  saved: number | null;
  /** Whole and in parts, against float32. */
  in_bfloat16: number[];
  without_gradient: string[];
  generated: number[][];
  uncached: number[][];
  refused: Record<string, string | null>;
}

const DIFFERENCES = [
  "in_parts",
  "left",
  "left_other_row",
  "left_in_parts",
  "right",
  "kept",
  "loss",
] as const;

/** Those that transformers' own class cannot hold. */
const ERAS = ERA_FOLDERS.filter((name) => !/^[12]-/.test(name));

for (const name of ERAS) {
  Deno.test({
    name: `${name}, exported: PyTorch computes nanochat's logits, whole, in parts and padded`,
    ignore: python === undefined,
    fn: () =>
      inTempDir(async (dir) => {
        const { expected, numbers } = await readEra(name);
        using model = await openFixture(eraFolder(name), expected.flags);
        const folder = join(dir, "hf"), request = join(dir, "request.json");
        await writeHfFolder(model, folder);
        const [B, T] = numbers.shapes.get("x")!, x = Array.from(numbers.values.get("x")!);
        const ids = Array.from({ length: B }, (_, b) => x.slice(b * T, (b + 1) * T));
        const long = [Array.from(numbers.values.get("long.x")!)];
        await Deno.writeTextFile(request, JSON.stringify({ ids, long, prompt: 7 }));
        const measures: Measures = JSON.parse(await runPython(python!, SCRIPT, folder, request));
        const logits = numbers.values.get("logits")!;
        assertEquals(measures.logits.length, logits.length);
        assertLess(maxError(measures.logits, logits), 1e-4, "logits");
        const end = numbers.values.get("long.logits_end")!;
        assertEquals(measures.long.length, end.length);
        assertLess(maxError(measures.long, end), 1e-4, "logits of a long row's end");
        for (const key of DIFFERENCES) assertLess(measures[key], 3e-5, key);
        assertLess(measures.saved ?? 0, 1e-6, "saved by transformers");
        // Logits go up to 20, with 8 bits for each number on the way.
        assertLess(Math.max(...measures.in_bfloat16), 1, "logits in bfloat16");
        assertEquals(measures.without_gradient, []);
        assertEquals(measures.generated, measures.uncached);
        for (const [what, told] of Object.entries(measures.refused)) assert(told, what);
      }),
  });
}
