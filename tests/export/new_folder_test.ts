/** A folder for which the disk has no room is refused before anything is written. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { NewFolder } from "../../lib/export/new_folder.ts";
import { inTempDir } from "../temp_dir.ts";

Deno.test("a folder for which there is no room is refused, and leaves nothing", async () => {
  await inTempDir(async (dir) => {
    const path = join(dir, "base_checkpoints/d2");
    const { message } = await assertRejects(() => NewFolder.create(path, 4.5e15), UserError);
    assertEquals(message.startsWith(`${path}: 4500 TB are to come, and `), true, message);
    assertEquals([...Deno.readDirSync(dir)], []);
    {
      await using folder = await NewFolder.create(path, 1);
      await folder.write("x", "");
      await folder.commit();
    }
    assertEquals([...Deno.readDirSync(path)].map(({ name }) => name), ["x"]);
    await assertRejects(() => NewFolder.create(path, 1), UserError, 'holds "x"');
    await assertRejects(
      () => NewFolder.create(join(dir, "base_checkpoints/d3"), 4.5e15),
      UserError,
    );
    assertEquals([...Deno.readDirSync(join(dir, "base_checkpoints"))].map(({ name }) => name), [
      "d2",
    ]);
  });
});
