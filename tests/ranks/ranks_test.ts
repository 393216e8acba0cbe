/** What ranks do with nothing but `gather` and `exchange`. */
import { assertEquals, assertNotStrictEquals } from "@std/assert";
import { type Elements, Ranks, SINGLE } from "../../lib/ranks/mod.ts";
import { onRanks } from "./in_process.ts";

Deno.test("sums are taken in the order of ranks, and are the same bits on each", async () => {
  // In another order the small ones would be lost or not.
  const own = [1e8, 1, -1e8, 0.5];
  const sums = await onRanks(4, async (ranks) => {
    const double = Float64Array.of(own[ranks.rank], ranks.rank);
    const single = Float32Array.of(own[ranks.rank]);
    await Promise.all([ranks.sum(double), ranks.sum(single)]);
    return [...double, ...single];
  });
  assertEquals(sums, Array(4).fill([1.5, 6, 0.5]));
});

Deno.test("each rank gets its part of a sum, and what was handed over stays", async () => {
  await onRanks(3, async (ranks) => {
    const parts = [0, 1, 2].map((to) => new Float32Array(to * 2).fill(10 * ranks.rank + to));
    const sum = await ranks.scatter(parts);
    assertEquals(sum, new Float32Array(2 * ranks.rank).fill(30 + 3 * ranks.rank));
    assertEquals(parts[2], new Float32Array(4).fill(10 * ranks.rank + 2));
  });
});

Deno.test("any rank can give its bytes to all", async () => {
  await onRanks(3, async (ranks) => {
    for (const root of [0, 2]) {
      const bytes = new Uint8Array(5).fill(ranks.rank + 1);
      await (root === 0 ? ranks.broadcast(bytes) : ranks.broadcast(bytes, root));
      assertEquals(bytes, new Uint8Array(5).fill(root + 1));
    }
    await ranks.broadcast(new Uint8Array(0), 1);
  });
});

Deno.test("what is so on one rank is so on any", async () => {
  await onRanks(3, async (ranks) => {
    assertEquals(await ranks.any(ranks.rank === 2), true);
    assertEquals(await ranks.any(false), false);
  });
});

Deno.test("none leaves a barrier before all have come", async () => {
  let come = 0;
  await onRanks(3, async (ranks) => {
    for (let i = 0; i < ranks.rank; i++) await new Promise((resolve) => setTimeout(resolve, 5));
    come++;
    await ranks.barrier();
    assertEquals(come, 3);
  });
});

Deno.test("one process alone gets back what it gave, as arrays of its own", async () => {
  const own = Float32Array.of(1, 2);
  const handed: Elements[][] = [await SINGLE.gather(own), await SINGLE.exchange([own], [2])];
  for (const all of handed) {
    assertEquals(all, [own]);
    assertNotStrictEquals(all[0].buffer, own.buffer);
  }
  await SINGLE.sum(own);
  await SINGLE.barrier();
  assertEquals(await SINGLE.scatter([own]), own);
  const bytes = Uint8Array.of(3);
  await SINGLE.broadcast(bytes);
  assertEquals([await SINGLE.any(true), await SINGLE.any(false), ...bytes], [true, false, 3]);
  assertEquals(SINGLE instanceof Ranks, true);
});
