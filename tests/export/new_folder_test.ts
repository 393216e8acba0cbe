/** A folder that is filled beside its place. */
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

/** The names of what lies in a folder. */
function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test("what a killed process left of it is removed, and nothing of it comes along", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "hf");
    {
      await using folder = await NewFolder.create(path, 1);
      await Deno.mkdir(folder.file("half"));
      await folder.write("half/model.safetensors", "half");
      // As a process leaves it that is killed: the lock ends with it.
      await Deno.rename(folder.temporaryPath, join(dir, "kept"));
    }
    await Deno.rename(join(dir, "kept"), join(dir, ".hf.tmp"));
    await using folder = await NewFolder.create(path, 1);
    await folder.write("config.json", "{}");
    await folder.commit();
    assertEquals(namesIn(dir), ["hf"]);
    assertEquals(namesIn(path), ["config.json"]);
  }));

Deno.test("another process that fills it is named; broken off, nothing is left", () =>
  inTempDir(async (dir) => {
    const path = join(dir, "new/hf");
    {
      await using folder = await NewFolder.create(path, 1);
      await folder.write("config.json", "{}");
      await assertRejects(() => NewFolder.create(path, 1), UserError, `process ${Deno.pid}`);
      assertEquals(namesIn(folder.temporaryPath), ["config.json", "run.lock"]);
    }
    assertEquals(namesIn(dir), []);
  }));
