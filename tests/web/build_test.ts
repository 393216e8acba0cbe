/** The committed chat page is what its sources are built to. */
import { assert } from "@std/assert";
import { buildPage } from "../../web/build.ts";

Deno.test("the chat page is up to date", async () => {
  for (const [name, text] of await buildPage()) {
    const committed = await Deno.readTextFile(new URL(`../../web/built/${name}`, import.meta.url));
    assert(text === committed, "run `deno run -A web/build.ts`");
  }
});
