/** Threads of the CPU device that do not start, or end too early: one line, and no wait for ever. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { CpuMemory } from "../../lib/device/cpu/memory.ts";
import { startPool } from "../../lib/device/cpu/pool.ts";
import { UserError } from "../../lib/errors.ts";

const realWorker = new URL("../../lib/device/cpu/worker.ts", import.meta.url).href;

/** What a worker runs that begins with `script`. */
function dataUrl(script: string): string {
  return `data:text/javascript,${encodeURIComponent(script)}`;
}

/** A pool of three threads whose kernel zeroes a megabyte. */
async function poolOf(script: string) {
  const memory = new CpuMemory();
  const pool = await startPool(memory, 3, dataUrl(script));
  const pointer = memory.allocate("numbers", 1 << 20), zero = pool.kernel("zero");
  return { pool, zero: () => zero(pointer, 1 << 18) };
}

/** The real worker, but that jobs fail, and that reports of it do. */
const DYING = `
  WebAssembly.Instance = class {
    exports = { work() { throw new Error("trap"); } };
  };
  TextEncoder.prototype.encode = () => { throw new Error("no room"); };
  await import(${JSON.stringify(realWorker)});`;

Deno.test("a thread that ends too early ends the work with one line", async () => {
  const { pool, zero } = await poolOf(DYING);
  const start = performance.now();
  const error = assertThrows(
    zero,
    UserError,
    "A thread of the CPU device ended before its work was",
  );
  assertEquals(error.message.includes("\n"), false);
  // Once it is known, nothing waits.
  const known = performance.now();
  assertThrows(zero, UserError, "A thread of the CPU device ended");
  assert(performance.now() - known < 100);
  await pool.close();
  assert(performance.now() - start < 10_000);
});

Deno.test("a program whose thread ends prints that line and ends", async () => {
  const program = `
    import { CpuMemory } from "${new URL("memory.ts", realWorker)}";
    import { startPool } from "${new URL("pool.ts", realWorker)}";
    const pool = await startPool(new CpuMemory(), 3, ${JSON.stringify(dataUrl(DYING))});
    try {
      pool.kernel("zero")(65536, 1 << 18);
    } catch (error) {
      console.log(error.name);
    }`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", program],
    signal: AbortSignal.timeout(20_000),
  }).output();
  const [out, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals({ code, out, problems }, { code: 0, out: "UserError\n", problems: "" });
});

Deno.test("a thread that does not start is one line", async () => {
  const failures: Record<string, string> = {
    'throw new Error("no memory")': "did not start: ",
    "import { exit } from 'node:process'; exit(0)": "did not start: it ended at once",
    "1": "did not start: it ended at once",
    "import 'file:///no/such/module.ts'": "did not start: ",
  };
  for (const [script, message] of Object.entries(failures)) {
    await assertRejects(() => poolOf(script), UserError, message);
  }
});

Deno.test("a number of threads that cannot be is refused, not changed", async () => {
  for (const threads of [0, -1, 1.5, NaN, 256, 100_000]) {
    await assertRejects(
      () => createCpuDevice({ threads }),
      UserError,
      "threads must be a whole number from 1 to 255",
    );
  }
});
