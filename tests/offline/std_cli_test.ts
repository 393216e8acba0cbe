import { assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli/unicode-width";

Deno.test("wide characters take two columns", () => {
  assertEquals(unicodeWidth("abc"), 3);
  assertEquals(unicodeWidth("天地"), 4);
});
