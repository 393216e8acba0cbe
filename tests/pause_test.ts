import { assertEquals, assertLess } from "@std/assert";
import { pause } from "../lib/pause.ts";

/** Keeps the thread busy, as a kernel on the CPU does. */
function work(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

Deno.test("a pause lets a timer have its turn, however long the work before it was", async () => {
  let rang = false;
  await pause();
  setTimeout(() => rang = true, 1);
  work(250);
  await pause();
  assertEquals(rang, true);
});

Deno.test({
  name: "a pause delivers a signal",
  ignore: Deno.build.os === "windows",
  async fn() {
    let arrived = false;
    const listener = () => arrived = true;
    Deno.addSignalListener("SIGUSR2", listener);
    try {
      await pause();
      work(250);
      await pause();
      Deno.kill(Deno.pid, "SIGUSR2");
      work(250);
      await pause();
      assertEquals(arrived, true);
    } finally {
      Deno.removeSignalListener("SIGUSR2", listener);
    }
  },
});

Deno.test("pauses in short succession cost nothing", async () => {
  await pause();
  const start = performance.now();
  for (let i = 0; i < 10_000; i++) await pause();
  // A timer each would take 20 seconds.
  assertLess(performance.now() - start, 1000);
});
