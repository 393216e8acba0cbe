/** The page as it is handed out. */
import { assert, assertEquals } from "@std/assert";
import { pagePolicy, pages } from "../../lib/serve/pages.ts";

Deno.test("the page is all here, and names nothing that is not its server's", () => {
  const html = pages.get("/")!.body;
  const named = Array.from(html.matchAll(/(?:src|href)="([^"]*)"/g), ([, place]) => place)
    .filter((place) => !place.startsWith("data:"));
  assertEquals(named.map((name) => pages.has(`/${name}`)), named.map(() => true));
  assert(named.length === 2);
  assert(!/style="|<style|<script(?! type="module" src)| on\w+=/.test(html));
  assert(!/@import|url\(|@font-face/.test(pages.get("/chat.css")!.body));
  assert(!/unsafe|\*|https?:/.test(pagePolicy));
});
