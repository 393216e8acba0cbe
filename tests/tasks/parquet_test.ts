import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { UserError } from "../../lib/errors.ts";
import { readParquet } from "../../lib/tasks/files.ts";
import { inTempDir } from "../temp_dir.ts";

/** Rows with nulls and words that repeat: levels and indices in runs. */
const rows = Array.from({ length: 40 }, (_, i) => ({
  word: i % 5 === 0 ? null : ["a", "bc"][i >> 4 & 1],
  n: i,
}));

/** They as a file; a small one, since many of its bits are tried one by one. */
const whole = new Uint8Array(parquetWriteBuffer({
  columnData: [
    { name: "word", data: rows.map(({ word }) => word), type: "STRING" },
    { name: "n", data: rows.map(({ n }) => n), type: "INT32" },
  ],
  codec: "UNCOMPRESSED",
  statistics: false,
}));

Deno.test("a bit that flips anywhere in a parquet file ends in rows or in one line, at once", async () => {
  await inTempDir(async (dir) => {
    const path = join(dir, "x.parquet");
    await Deno.writeFile(path, whole);
    assertEquals(await Array.fromAsync(readParquet(path)), rows);
    for (let bit = 0; bit < 8 * whole.length; bit += 3) {
      const broken = whole.slice();
      broken[bit >> 3] ^= 1 << (bit & 7);
      await Deno.writeFile(path, broken);
      const start = performance.now();
      try {
        assert((await Array.fromAsync(readParquet(path))).length <= rows.length);
      } catch (error) {
        assert(error instanceof UserError && error.message.startsWith(path), `${error}`);
      }
      assert(performance.now() - start < 2000, `bit ${bit}`);
    }
  });
});
