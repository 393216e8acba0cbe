/** What commands say where several processes are started in a way that cannot work. */
import { assertEquals, assertStringIncludes } from "@std/assert";

const root = new URL("../../..", import.meta.url);

/** Runs the program in an environment; gives its one line of error. */
async function errorOf(env: Record<string, string>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "mod.ts", ...args],
    cwd: root,
    env: { NANOCHAT_BASE_DIR: "no-such-folder", NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals([code, out, err.trimEnd().split("\n").length], [1, "", 1], err);
  return err.trimEnd();
}

const rank = (rank: number) => (
  { OMPI_COMM_WORLD_SIZE: "2", OMPI_COMM_WORLD_RANK: String(rank) }
);

Deno.test("a command of one process refuses to be several", async () => {
  assertEquals(
    await errorOf(rank(0), "chat", "--prompt", "hello"),
    "error: chat runs as one process; mpirun starts sft, base, eval",
  );
});

Deno.test("ranks are not started by ranks, and rank 0 is the first to say so", async () => {
  const began = performance.now();
  const words = "--nproc starts mpirun itself: leave it out under mpirun";
  const [first, second] = await Promise.all([0, 1].map(async (number) => {
    const message = await errorOf(rank(number), "eval", "--nproc", "2");
    return { message, milliseconds: performance.now() - began };
  }));
  assertEquals(first.message, `error: ${words}`);
  assertEquals(second.message, `error: rank 1 (on ${Deno.hostname()}): ${words}`);
  assertEquals(second.milliseconds - first.milliseconds > 1000, true);
});

Deno.test("where mpirun is missing, the error says what to install", async () => {
  const error = await errorOf({ PATH: "/no/such/folder" }, "base", "a.txt", "--nproc", "2");
  assertStringIncludes(error, "mpirun, which is not installed: apt install openmpi-bin");
});
