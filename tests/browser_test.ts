/**
 * The rooms that run in a browser, bundled for one: nothing they import may need Deno or Node. Deno
 * downloads esbuild for its first bundle; where it cannot, there is nothing to try.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { BROWSER_ROOMS, HOST_ONLY } from "./browser_rooms.ts";
import { bundle } from "./bundle.ts";
import { inTempDir } from "./temp_dir.ts";

/** The lines of a bundle that a browser would fail at. */
function hostLines(code: string): string[] {
  return code.split("\n").filter((line) => HOST_ONLY.test(line));
}

const canBundle = (await bundle("lib/errors.ts")).success;

for (const room of Object.keys(BROWSER_ROOMS)) {
  Deno.test({
    name: `${room} runs in a browser`,
    ignore: !canBundle,
    async fn() {
      const { success, code, told } = await bundle(`${room}/mod.ts`);
      assert(success, told);
      assert(code.length > 1000, code);
      assertEquals(hostLines(code), []);
    },
  });
}

Deno.test({
  name: "a bundle with a host's import is noticed",
  ignore: !canBundle,
  async fn() {
    await inTempDir(async (dir) => {
      const entry = join(dir, "entry.ts");
      await Deno.writeTextFile(
        entry,
        'import { inspect } from "node:util";\nexport const name = inspect(Deno.build.os);\n',
      );
      const { code, told } = await bundle(entry);
      assertEquals(hostLines(code).length, 2, code + told);
    });
  },
});
