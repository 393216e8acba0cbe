/** One rank of mpi_test.ts: tries every collective, and prints what it was not right in. */
import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { openMpi } from "../../lib/ranks/mpi/mod.ts";

const ranks = await openMpi((name) => Deno.env.get(name));
const { rank, worldSize } = ranks;
const others = Array.from({ length: worldSize }, (_, r) => r);

assertEquals(new Set(ranks.hosts).size, 1);
assertEquals([ranks.localRank, ranks.localSize], [rank, worldSize]);

// Small and large, of every kind, and from the middle of a larger array.
for (const length of [0, 1, 3, 1000, 3_000_000]) {
  const whole = Float32Array.from({ length: length + 2 }, (_, i) => i + rank);
  const all = await ranks.gather(whole.subarray(2));
  assertEquals(
    all.map((values) => [values.length, values[0], values.at(-1)]),
    others.map((r) => (
      length === 0 ? [0, undefined, undefined] : [length, 2 + r, 1 + length + r]
    )),
  );
}
const bytes = await ranks.gather(new Uint8Array(rank * 5).fill(rank), others.map((r) => r * 5));
assertEquals(bytes, others.map((r) => new Uint8Array(r * 5).fill(r)));
const shared = new Int32Array(new SharedArrayBuffer(400)).fill(rank);
assertEquals(
  await ranks.gather<Int32Array>(shared),
  others.map((r) => new Int32Array(100).fill(r)),
);

// Each rank has another length for each.
const outgoing = others.map((to) => new Float64Array(rank * 10 + to).fill(100 * rank + to));
const incoming = await ranks.exchange(outgoing, others.map((from) => from * 10 + rank));
assertEquals(
  incoming,
  others.map((from) => new Float64Array(from * 10 + rank).fill(100 * from + rank)),
);

// Several on their way at once, and not awaited in order.
const many = Array.from({ length: 20 }, (_, i) => (
  ranks.scatter(others.map((to) => new Float32Array(1000 * i).fill(i + to + rank)))
));
for (const [i, sum] of (await Promise.all(many.toReversed())).toReversed().entries()) {
  const expected = others.reduce((sum, from) => sum + i + rank + from, 0);
  assertEquals(sum, new Float32Array(1000 * i).fill(expected));
}

const numbers = Float64Array.of(rank, 0.1);
await ranks.sum(numbers);
assertEquals(numbers, Float64Array.of(others.reduce((a, b) => a + b), 0.1 + 0.1 + 0.1));
const text = new Uint8Array(1000).fill(rank);
await ranks.broadcast(text, 1);
assertEquals(text, new Uint8Array(1000).fill(1));
assertEquals([await ranks.any(rank === 2), await ranks.any(false)], [true, false]);

// A rank that another expects more or less of is told.
for (const expected of [6, 4]) {
  const five = new Uint8Array(5);
  await assertRejects(
    () => ranks.exchange(others.map(() => five), others.map((r) => r === rank ? 5 : expected)),
    UserError,
    "all must run the same command on the same files",
  );
}

// While one is late, the others serve timers and use no processor.
if (rank === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
let ticks = 0;
const timer = setInterval(() => ticks++, 50);
const began = performance.now(), used = Deno.build.os === "linux" ? cpuTicks() : 0;
const barrier = ranks.barrier();
if (rank > 0 && ranks.waitingSince! < began) throw new Error("since when it waits is not known");
await barrier;
clearInterval(timer);
assertEquals(ranks.waitingSince, undefined);
if (rank > 0) {
  if (ticks < 20) throw new Error(`${ticks} ticks of a timer in ${performance.now() - began} ms`);
  // Hundredths of a second.
  const busy = Deno.build.os === "linux" ? cpuTicks() - used : 0;
  if (busy > 30) throw new Error(`${busy} hundredths of a second were used in waiting`);
}
await ranks.close();
console.log(`rank ${rank} of ${worldSize} is done`);
Deno.exit(0);

/** What this process has used of processors, in hundredths of a second. */
function cpuTicks(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
