/** How memory is said to a person. */
import { assertEquals } from "@std/assert";
import { formatMemory } from "../../lib/training/mod.ts";

Deno.test("bytes are said with three digits", () => {
  const cases: [number, string][] = [
    [0, "0 bytes"],
    [1000, "1000 bytes"],
    [73728, "72 KiB"],
    [439_200_000, "419 MiB"],
    [5.1823 * 2 ** 30, "5.18 GiB"],
  ];
  for (const [bytes, words] of cases) assertEquals(formatMemory(bytes), words);
});
