import { assertEquals } from "@std/assert";
import { watch } from "../../../cli/ranks/watchdog.ts";

/** Whether a watch of 200 ms has given up after some time on a rank that waits or does not. */
async function hasGivenUp(ranks: { waitingSince: number | undefined }): Promise<boolean> {
  let times = 0;
  const unwatch = watch(ranks, () => times++, 200);
  await new Promise((resolve) => setTimeout(resolve, 400));
  unwatch();
  return times === 1;
}

Deno.test("a rank that waits too long for the others gives up once", async () => {
  const now = performance.now();
  const fresh = {
    get waitingSince() {
      return performance.now() - 100;
    },
  };
  assertEquals(
    await Promise.all([
      { waitingSince: undefined },
      { waitingSince: now },
      fresh,
    ].map(hasGivenUp)),
    [false, true, false],
  );
});
