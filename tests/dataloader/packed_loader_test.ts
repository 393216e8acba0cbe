import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
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

/** As {@link render}, but all that follows bos is trained on. */
function renderTrained(conversation: Conversation): { ids: number[]; mask: number[] } {
  const { ids } = render(conversation);
  return { ids, mask: ids.map((_, i) => i === 0 ? 0 : 1) };
}

function randomLengths(n: number, longest: number, seed = 1): number[] {
  const random = new PythonRandom(seed);
  return Array.from({ length: n }, () => random.randint(2, longest));
}

/**
 * The rule of the reference, written as plainly as it can be, for one rank and no long rows; but a
 * pass is placed before the next one is read.
 */
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
        while (buffer.length < 100 && (read % lengths.length > 0 || buffer.length === 0)) {
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
  const loader = loaderOf([30, 17, 18], { B: 3, T: 16 });
  const batch = loader.next();
  assertEquals([batch.cut, batch.lostTokens, batch.padding], [2, 13 + 1, 0]);
  assertEquals([...batch.x.subarray(0, 16)], [0, ...Array(15).fill(1)]);
  // Conversation 1 trains on its second half only, of which two tokens are left.
  assertEquals([...batch.y.subarray(0, 16)], [...Array(14).fill(-1), 1, 1]);
  assert(batch.done);
});

Deno.test("a conversation of which a row has no trained token is left out, counted and consumed", () => {
  // Of 40 and 34 tokens the trained half begins after the row's 17.
  const loader = loaderOf([40, 9, 34, 8], { B: 1, T: 16 });
  const batch = loader.next();
  assertEquals(batch.conversations, [1, 3]);
  assertEquals([batch.leftOut, batch.cut, batch.lostTokens], [2, 0, 0]);
  assertEquals([batch.consumed, batch.progress, batch.done], [4, 1, true]);
  const nothing = loaderOf([40, 34, 50], { B: 1, T: 16 });
  assertThrows(
    () => nothing.next(),
    UserError,
    "no conversation has trained text in a row of 16",
  );
});

for (const count of [20, 100, 101, 1000]) {
  for (const worldSize of [1, 2]) {
    Deno.test(`each of ${count} conversations is placed once a pass, by ${worldSize} ranks`, () => {
      for (const [seed, longest] of [[1, 41], [2, 200], [3, 20]]) {
        const lengths = randomLengths(count, longest, seed);
        for (let rank = 0; rank < worldSize; rank++) {
          const T = 40;
          const loader = loaderOf(lengths, { B: 1, T, rank, worldSize, render: renderTrained });
          const placed: number[] = [];
          for (let pass = 0; pass < 3; pass++) {
            const share = lengths.map((_, i) => i)
              .filter((i) => (i + pass * count - rank) % worldSize === 0);
            while (placed.length < share.length) {
              const { conversations, epoch } = loader.next();
              placed.push(...conversations);
              const isLast = placed.length > share.length;
              assertEquals(epoch, isLast ? pass + 2 : pass + 1);
            }
            // What is placed beyond the pass fills its last row.
            const ofPass = placed.splice(0, share.length);
            assertEquals(ofPass.sort((a, b) => a - b), share);
            const filling = placed.reduce((sum, i) => sum + Math.min(lengths[i], T + 1), 0);
            assert(filling < T + 1);
          }
        }
      }
    });
  }
}

Deno.test("the first pass is done with its last conversation, not before", () => {
  const lengths = randomLengths(150, 30);
  const loader = loaderOf(lengths, { B: 1, T: 40 });
  const seen = new Set<number>();
  for (let done = false; !done;) {
    const batch = loader.next();
    for (const index of batch.conversations) seen.add(index);
    done = batch.done;
    assertEquals(done, seen.size === 150);
  }
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

Deno.test("a loader made from a saved state goes on with the same batches, from any point", () => {
  // Some conversations have no trained token within a row, and passes end often.
  const lengths = randomLengths(130, 60);
  const options = { rank: 1, worldSize: 2, checksum: "a" };
  const first = loaderOf(lengths, options);
  for (let i = 0; i < 60; i++) {
    const state = JSON.parse(JSON.stringify(first.state));
    const second = loaderOf(lengths, { ...options, state });
    const third = loaderOf(lengths, { ...options, state });
    assertEquals(second.next(), first.next());
    third.next();
    for (let j = 0; j < 15; j++) assertEquals(third.next(), second.next());
    assertEquals(third.state, second.state);
  }
  assert(first.state.epoch > 3);
});

Deno.test("a saved state is not gone on with over other data", () => {
  const { state } = loaderOf([5, 6], { checksum: "a" });
  assertThrows(() => loaderOf([5], { state }), UserError, "2 conversations and now has 1");
  assertThrows(() => loaderOf([5, 6], { state, checksum: "b" }), UserError, "content has changed");
  assertThrows(() => loaderOf([5, 6], { state }), UserError, "the mixture that the run began with");
  assertThrows(() => loaderOf([], {}), UserError, "no conversations");
});

Deno.test("packing statistics add up", async () => {
  const lengths = randomLengths(500, 41);
  const stats = await packingStats(ofLengths(lengths), { T: 19, render, bosId: 0 });
  assertEquals(stats.tokens, stats.rows * 19);
  const isLong = (length: number) => length > 20;
  const isOut = (length: number) => Math.ceil(length / 2) >= 20;
  const cut = lengths.filter((length) => isLong(length) && !isOut(length));
  assertEquals(stats.cut, cut.length);
  assertEquals(stats.lostTokens, cut.reduce((sum, length) => sum + length - 20, 0));
  assertEquals(stats.leftOut, lengths.filter(isOut).length);
  assert(stats.leftOut > 0);
  const left = 500 - stats.leftOut;
  assert(stats.conversations >= left && stats.conversations < left + 10);
  assert(stats.paddingShare > 0 && stats.paddingShare < 0.2);
  assert(stats.trainedShare > 0.1 && stats.trainedShare < 0.5);
});

Deno.test("counting stops when it is told to", async () => {
  const controller = new AbortController();
  const slow = (conversation: Conversation) => {
    controller.abort(new Error("enough"));
    for (const end = performance.now() + 250; performance.now() < end;);
    return render(conversation);
  };
  const { signal } = controller;
  const counting = packingStats(ofLengths([17]), { T: 16, render: slow, bosId: 0, signal });
  await assertRejects(() => counting, Error, "enough");
});
