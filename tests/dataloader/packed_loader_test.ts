import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Conversation } from "../../lib/conversation.ts";
import {
  type ConversationDataset,
  type PackedBatch,
  PackedLoader,
  type PackedLoaderOptions,
  packingStats,
} from "../../lib/dataloader/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { PythonRandom } from "../../lib/random/mod.ts";

/** Conversations of the given lengths in tokens: bos, then the number of the conversation + 1. */
function ofLengths(lengths: number[]): ConversationDataset {
  return {
    length: lengths.length,
    get: (i) => ({ messages: [{ role: "user", content: `${i + 1} ${lengths[i]}` }] }),
  };
}

/** Of each conversation the second half is trained on. */
function render(conversation: Conversation): { ids: number[]; mask: number[] } {
  const [id, length] = (conversation.messages[0].content as string).split(" ").map(Number);
  return {
    ids: Array.from({ length }, (_, i) => i === 0 ? 0 : id),
    mask: Array.from({ length }, (_, i) => i < length / 2 ? 0 : 1),
  };
}

function loaderOf(lengths: number[], options: Partial<PackedLoaderOptions>): PackedLoader {
  return new PackedLoader(ofLengths(lengths), { B: 2, T: 16, render, bosId: 0, ...options });
}

function randomLengths(n: number, longest: number): number[] {
  const random = new PythonRandom(1);
  return Array.from({ length: n }, () => random.randint(2, longest));
}

/** The rule of the reference, written as plainly as it can be, for one rank and no long rows. */
function plainBatches(lengths: number[], count: number, { B, T }: { B: number; T: number }) {
  const buffer: { ids: number[]; mask: number[] }[] = [];
  let read = 0;
  return Array.from({ length: count }, () => {
    const x: number[] = [];
    const y: number[] = [];
    for (let b = 0; b < B; b++) {
      const ids: number[] = [];
      const mask: number[] = [];
      while (ids.length < T + 1) {
        while (buffer.length < 100) {
          buffer.push(render(ofLengths(lengths).get(read++ % lengths.length)));
        }
        const fitting = buffer.filter((c) => ids.length + c.ids.length <= T + 1);
        const longest = Math.max(...fitting.map((c) => c.ids.length));
        const chosen = fitting.find((c) => c.ids.length === longest);
        if (chosen) buffer.splice(buffer.indexOf(chosen), 1);
        const rest = T + 1 - ids.length;
        ids.push(...chosen?.ids ?? Array(rest).fill(0));
        mask.push(...chosen?.mask ?? Array(rest).fill(0));
      }
      x.push(...ids.slice(0, -1));
      y.push(...ids.slice(1).map((id, t) => mask[t + 1] ? id : -1));
    }
    return { x, y };
  });
}

Deno.test("batches are those of the plain rule, over several epochs", () => {
  const lengths = randomLengths(333, 41);
  const loader = loaderOf(lengths, { B: 3, T: 40 });
  for (const { x, y } of plainBatches(lengths, 200, { B: 3, T: 40 })) {
    const batch = loader.next();
    assertEquals([...batch.x], x);
    assertEquals([...batch.y], y);
    assertEquals(batch.targets, y.filter((target) => target >= 0).length);
  }
  assert(loader.state.epoch > 3);
});

Deno.test("the end is where the conversations placed reach the dataset's length", () => {
  // Two of 8 tokens and one place of filling in every row of 17.
  const loader = loaderOf(Array(100).fill(8), { B: 5, T: 16 });
  let batch: PackedBatch = loader.next();
  assertEquals([batch.consumed, batch.progress, batch.padding], [10, 0.1, 5]);
  let batches = 1;
  while (!batch.done) {
    batch = loader.next();
    batches++;
  }
  assertEquals([batches, batch.consumed, batch.progress], [10, 100, 1]);
  assertEquals(loader.next().progress, 1);
});

Deno.test("a conversation longer than a row is cut to it and counted", () => {
  const loader = loaderOf([40, 17, 18], { B: 3, T: 16 });
  const batch = loader.next();
  assertEquals([batch.cut, batch.lostTokens, batch.padding], [2, 23 + 1, 0]);
  assertEquals([...batch.x.subarray(0, 16)], [0, ...Array(15).fill(1)]);
  // Conversation 1 trains on its second half only, of which no token is left.
  assertEquals([...batch.y.subarray(0, 16)], Array(16).fill(-1));
  assert(batch.done);
});

Deno.test("ranks share the conversations out without overlap", () => {
  const lengths = Array(200).fill(17);
  const seen = [0, 1, 2].flatMap((rank) => {
    const loader = loaderOf(lengths, { B: 1, T: 16, rank, worldSize: 3 });
    const ids: number[] = [];
    for (let i = 0; i < 66; i++) ids.push(loader.next().x[1]);
    assertEquals(loader.state.consumed, rank + 3 * 66);
    return ids;
  });
  assertEquals(seen.sort((a, b) => a - b), Array.from({ length: 198 }, (_, i) => i + 1));
});

Deno.test("a loader made from a saved state goes on with the same batches", () => {
  const lengths = randomLengths(150, 60);
  const first = loaderOf(lengths, { rank: 1, worldSize: 2 });
  for (let i = 0; i < 37; i++) first.next();
  const state = JSON.parse(JSON.stringify(first.state));
  const second = loaderOf(lengths, { rank: 1, worldSize: 2, state });
  for (let i = 0; i < 50; i++) assertEquals(second.next(), first.next());
  assertThrows(() => loaderOf([5], { state }), UserError, "150 conversations and now has 1");
  assertThrows(() => loaderOf([], {}), UserError, "no conversations");
});

Deno.test("packing statistics add up", () => {
  const lengths = randomLengths(500, 30);
  const stats = packingStats(ofLengths(lengths), { T: 20, render, bosId: 0 });
  assertEquals(stats.tokens, stats.rows * 20);
  assert(stats.conversations >= 500 && stats.conversations < 510);
  assert(stats.paddingShare > 0 && stats.paddingShare < 0.2);
  assert(stats.trainedShare > 0.2 && stats.trainedShare < 0.5);
  assert(stats.cut >= lengths.filter((length) => length > 21).length);
});
