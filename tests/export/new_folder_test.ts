/** A folder for which the disk has no room is refused before anything is written. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { NewFolder } from "../../lib/export/new_folder.ts";
import { inTempDir } from "../temp_dir.ts";

Deno.test("a folder for which there is no room is refused, and leaves nothing", async () => {
  await inTempDir(async (dir) => {
    const path = join(dir, "hf");
    const { message } = await assertRejects(() => NewFolder.create(path, 4.5e15), UserError);
    assertEquals(message.startsWith(`${path}: 4500 TB are to come, and `), true, message);
    assertEquals([...Deno.readDirSync(dir)], []);
  });
});
