/** What several loaders had not placed yet is placed once by any other number of them. */
import { assert, assertEquals } from "@std/assert";
import type { Conversation } from "../../lib/conversation.ts";
import { dealt, PackedLoader, type PackedLoaderState } from "../../lib/dataloader/mod.ts";

const T = 12;

const LENGTH = 1500;

/** Conversations of 2 to 12 tokens; every seventh has nothing to train on. */
const dataset = {
  length: LENGTH,
  get: (index: number) => ({ messages: [{ role: "user" as const, content: String(index) }] }),
};
const isTrained = (index: number) => index % 7 !== 5;
const render = ({ messages: [{ content }] }: Conversation) => {
  const index = Number(content), letters = Array<number>(1 + index * 5 % 11).fill(7);
  const mask = letters.map(() => isTrained(index) ? 1 : 0);
  return { ids: [0, ...letters], mask: [0, ...mask] };
};

/** The loaders of so many ranks. */
function loadersOf(worldSize: number, states?: PackedLoaderState[]) {
  return Array.from({ length: worldSize }, (_, rank) =>
    new PackedLoader(dataset, {
      ...{ B: 1, T, render, bosId: 0, checksum: "a1" },
      ...{ rank, worldSize, state: states?.[rank] },
    }));
}

/** Takes a micro-batch and notes how often each conversation was placed. */
function take(loader: PackedLoader, placed: number[]): void {
  for (const index of loader.next().conversations) placed[index]++;
}

/** Whether a loader has placed all that it reads of a pass. */
function isOver({ state: { epoch, buffer, cursor } }: PackedLoader, pass: number): boolean {
  return epoch > pass || epoch === pass && buffer.length === 0 && cursor >= LENGTH;
}

/** Those without targets that wait to be left out are consumed at once. */
const LEFT_OUT = 200;
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

const CHANGES = [[8, 1], [8, 2], [8, 4], [8, 8], [1, 8], [3, 2], [2, 3], [4, 7]] as const;

for (const [before, after] of CHANGES) {
  Deno.test(`${before} ranks go on as ${after}: each conversation of a pass is placed once`, () => {
    // From the start to the last of a pass, and into the next two; each takes some 800 rows.
    for (const rows of [0, 8, 56, 400, 640, 720, 760, 784, 800, 808, 1200, 1560, 1800]) {
      const placed = Array<number>(LENGTH).fill(0);
      const first = loadersOf(before);
      for (let row = 0; row < rows; row++) take(first[row % before], placed);
      const states = first.map(({ state }) => state);
      const moved = dealt(JSON.parse(JSON.stringify(states)), after);
      if (before === after) assertEquals(moved, states);
      const next = loadersOf(after, moved);

      // Progress is what it was, and agrees among the ranks.
      const consumed = next.map(({ state }) => state.consumed);
      const done = sum(states.map(({ consumed }, rank) => (consumed - rank) / before));
      const least = Math.min(...consumed), most = Math.max(...consumed);
      if (before !== after) {
        assert(done <= least && most < done + LEFT_OUT, `${rows} rows: ${done}, ${consumed}`);
      }

      const pass = Math.max(...states.map(({ epoch }) => epoch));
      const wasOver = states.some(({ consumed }) => consumed >= pass * LENGTH);
      for (const [rank, loader] of next.entries()) {
        while (!isOver(loader, pass)) {
          if (!wasOver) assert(loader.state.consumed < pass * LENGTH);
          take(loader, placed);
        }
        const { state } = loader;
        if (!wasOver) assert(state.consumed >= pass * LENGTH);
        assertEquals(state.consumed % after, rank);
      }
      for (const [index, times] of placed.entries()) {
        // The last rows of a pass are filled from the next one.
        const most = pass + (index < 200 ? 1 : 0);
        const isRight = isTrained(index) ? times >= pass && times <= most : times === 0;
        assert(isRight, `${rows} rows: ${index} was placed ${times} times in ${pass} passes`);
      }
    }
  });
}
