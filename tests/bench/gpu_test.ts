/** `deno task gpu` on a GPU in software. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { TABLES } from "../../bench/gpu/parts.ts";
import { emptyResults, type Results, targetLines, writeReport } from "../../bench/gpu/report.ts";
import { findAdapter } from "../../lib/device/webgpu/mod.ts";
import { inTempDir } from "../temp_dir.ts";

const adapter = await findAdapter();
const root = fromFileUrl(new URL("../..", import.meta.url));

Deno.test({
  name: "the report of a GPU measures everything, each part in a process of its own",
  ignore: !adapter?.features.has("timestamp-query"),
  fn: () =>
    inTempDir(async (folder) => {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "bench/gpu.ts", folder, "--short"],
        cwd: root,
        env: { NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder();
      assert(success, text.decode(stderr));
      const path = text.decode(stdout).trim().split("\n").at(-1)!;
      const results: Results = JSON.parse(await Deno.readTextFile(path.replace(/md$/, "json")));

      // Dawn may not take this adapter; then one line says so.
      const { "adapter, dawn": _, ...failures } = results.failures;
      assertEquals(failures, {});
      assertEquals(Object.keys(results.tables).sort(), Object.keys(TABLES).sort());
      const rows = (table: string) =>
        results.tables[table].filter(({ by, provider }) => by === "deno" || provider === "deno");
      assert(rows("operations").every(({ passed, failed }) => Number(passed) > 0 && failed === 0));
      assert(rows("parity").every((row) => row["as wanted"] === "yes"));
      assertEquals(rows("training").map(({ dtype }) => dtype), ["float32", "bfloat16", "float16"]);
      for (const { dtype, "mfu, %": mfu, ...row } of rows("training")) {
        assert(Number(mfu) > 0 && Number(row["tokens/s"]) > 0);
        assertEquals(row["GiB taken"], row["GiB planned"], `memory in ${dtype}`);
      }
      const written = await Deno.readTextFile(path);
      for (const title of Object.values(TABLES)) assert(written.includes(`## ${title}\n`), title);
    }),
});

Deno.test("targets are ratios of what was measured in one run", async () => {
  await inTempDir(async (folder) => {
    const results = emptyResults({ short: false }, "0000000");
    results.adapter = "A card (of 1 GiB)";
    results.tables.products = [
      { of: "product", by: "deno", dtype: "float32", "TFLOP/s": 20 },
      { of: "product", by: "PyTorch", dtype: "float32", "TFLOP/s": 50 },
      { of: "product", by: "jax-js", dtype: "float32", "TFLOP/s": 8 },
      { of: "product", by: "deno", dtype: "bfloat16", "TFLOP/s": 30 },
      { of: "attention", by: "deno", dtype: "bfloat16", ms: 1, "TFLOP/s": 21 },
      { of: "attention, backward", by: "deno", dtype: "bfloat16", ms: 2, "TFLOP/s": 12 },
    ];
    results.tables.training = [
      { by: "deno", dtype: "float32", "tokens/s": 900 },
      { by: "deno", dtype: "bfloat16", "tokens/s": 1200 },
      { by: "dawn", dtype: "float16", "tokens/s": 1500 },
      { by: "PyTorch, eager", dtype: "float32", "tokens/s": 1000 },
      { by: "PyTorch, compiled", dtype: "bfloat16", "tokens/s": 4000 },
    ];
    results.tables.peaks = [{ provider: "deno", of: "copy", "GB/s": 1000 }];
    results.tables.decoding = [{ by: "deno", dtype: "bfloat16", batch: 1, "GB/s": 600 }, {
      by: "deno",
      dtype: "bfloat16",
      batch: 8,
      "GB/s": 900,
    }];
    const lines = targetLines(results);
    assertEquals(lines.map((line) => line.replace(/^.*: (.*), of at least (.*): /, "$1/$2 ")), [
      "0.400/0.5 not met",
      "2.50/2 met",
      "–/0.25 not measured",
      "0.900/1 not met",
      "0.375/0.3 met",
      "0.500/0.5 met",
      "0.600/0.5 met",
    ]);
    const path = await writeReport(folder, results);
    assertEquals(path, join(folder, "a-card-of-1-gib.md"));
    assert((await Deno.readTextFile(path)).includes(lines[0]));
  });
});
