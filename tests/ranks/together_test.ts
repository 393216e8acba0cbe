import { assertEquals } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { type Ranks, together } from "../../lib/ranks/mod.ts";
import { onRanks } from "./in_process.ts";

/** What each rank gives, or the error that it throws. */
async function outcomes<T>(run: (ranks: Ranks) => Promise<T>, worldSize = 3) {
  return await onRanks(worldSize, (ranks) => run(ranks).catch((error: UserError) => error));
}

Deno.test("where one rank fails, all do, and say which", async () => {
  const detail = { kind: "memory", tensor: "x", bytes: 8, limit: Infinity, rows: 4 } as const;
  const fail = new UserError("too much for it", { detail });
  const errors = await outcomes((ranks) =>
    together({ ranks }, () => {
      if (ranks.rank === 1) throw fail;
      return ranks.rank;
    })
  );
  assertEquals(errors[1], fail);
  for (const error of [errors[0], errors[2]] as UserError[]) {
    assertEquals([error.name, error.message], ["UserError", "rank 1: too much for it"]);
    // The advice that its numbers make is the same.
    assertEquals(error.detail, { kind: "memory", tensor: "x", bytes: 8, rows: 4 });
  }
});

Deno.test("where nothing fails, each rank has its own result", async () => {
  const run = (ranks: Ranks) => together({ ranks }, () => 10 * ranks.rank);
  assertEquals(await outcomes(run), [0, 10, 20]);
});

Deno.test("where one rank is stopped, all are, and failures count for more", async () => {
  const controllers = [0, 1, 2].map(() => new AbortController());
  const run = (ranks: Ranks, failing = -1) => {
    const { rank } = ranks, { signal } = controllers[rank];
    const stop = () => controllers[rank].abort("stopped by another");
    return together({ ranks, signal, stop }, () => {
      if (rank === failing) throw new UserError("broken");
      if (rank === 2) controllers[rank].abort("stopped here");
      signal.throwIfAborted();
    });
  };
  const stopped = await outcomes((ranks) => run(ranks));
  assertEquals<unknown>(stopped, ["stopped by another", "stopped by another", "stopped here"]);
  const failed = await outcomes((ranks) => run(ranks, 0));
  assertEquals(failed.map((error) => error?.message), [
    "broken",
    "rank 0: broken",
    "rank 0: broken",
  ]);
  // A rank that listens to no signal is stopped too.
  const [deaf] = await outcomes(async (ranks) => {
    const { signal } = controllers[2];
    await together(ranks.rank === 0 ? { ranks } : { ranks, signal }, () => {
      if (ranks.rank === 1) signal.throwIfAborted();
    });
  }, 2);
  assertEquals(deaf?.name, "AbortError");
});
