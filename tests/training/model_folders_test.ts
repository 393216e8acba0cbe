/** Whose models a command uses. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { modelFolders, whereModelsAre } from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";

Deno.test("the demonstration's models are used only where there are none of any kind", async () => {
  assertEquals(modelFolders(), [
    "base_checkpoints",
    "mid_checkpoints",
    "chatsft_checkpoints",
    "sft_checkpoints",
    "chatrl_checkpoints",
  ]);
  await inTempDir(async (baseDir) => {
    const demo = join(baseDir, "demo");
    assertEquals(await whereModelsAre({ baseDir }), { baseDir });
    await Deno.mkdir(join(demo, "base_checkpoints"), { recursive: true });
    assertEquals(await whereModelsAre({ baseDir }), { baseDir: demo });
    for (const folder of modelFolders()) {
      await Deno.mkdir(join(baseDir, folder));
      assertEquals(await whereModelsAre({ baseDir }), { baseDir });
      await Deno.remove(join(baseDir, folder));
    }
  });
});
