/** What is remembered of graphics cards in the base directory. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { adapterMemory } from "../../lib/training/adapter_memory.ts";

Deno.test("measurements of adapters stand beside each other; a damaged file is as none", async () => {
  const parent = await Deno.makeTempDir();
  // As before the first command.
  const folder = join(parent, "base");
  const path = join(folder, "adapters.json");
  try {
    const [memory, another] = [adapterMemory(folder), adapterMemory(folder)];
    assertEquals(await memory.load("a"), undefined);
    await memory.save("a", { rate: 1 });
    await another.save("b", { rate: 2 });
    assertEquals([await memory.load("a"), await memory.load("b")], [{ rate: 1 }, { rate: 2 }]);
    // Nothing half-written is left beside it.
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["adapters.json"]);
    for (const damaged of ["{", "null", "[]"]) {
      await Deno.writeTextFile(path, damaged);
      assertEquals(await memory.load("a"), undefined);
      await memory.save("a", { rate: 3 });
      assertEquals(await another.load("a"), { rate: 3 });
    }
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("where nothing can be written, nothing is remembered", async () => {
  const memory = adapterMemory("/dev/null/nowhere");
  await memory.save("a", { rate: 1 });
  assertEquals(await memory.load("a"), undefined);
});
