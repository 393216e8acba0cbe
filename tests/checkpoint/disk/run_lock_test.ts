/** Who may write a run into a directory, with processes that live, die and are killed. */
import { assertEquals, assertRejects } from "@std/assert";
import { hostname } from "node:os";
import { join } from "@std/path";
import { RunLock } from "../../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { inTempDir } from "../../temp_dir.ts";

const LOCK = new URL("../../../lib/checkpoint/disk/run_lock.ts", import.meta.url).href;

/** Another process that holds the lock until it is killed. */
async function holder(directory: string): Promise<Deno.ChildProcess> {
  const program = `import { RunLock } from ${JSON.stringify(LOCK)};
    const lock = await RunLock.acquire(${JSON.stringify(directory)});
    console.log("held");
    setInterval(() => lock, 1000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", new URL("../../../deno.json", import.meta.url).pathname, program],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  return child;
}

async function kill(child: Deno.ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await child.status;
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("a second process is refused in one line that names the first", () =>
  inTempDir(async (directory) => {
    const child = await holder(directory);
    const error = await assertRejects(() => RunLock.acquire(directory), UserError);
    assertEquals(
      error.message,
      `${directory}: process ${child.pid} is writing a run there; wait for it or stop it`,
    );
    await kill(child);
    // The file is still there, but nobody holds it.
    assertEquals(await exists(join(directory, "run.lock")), true);
    await (await RunLock.acquire(directory))[Symbol.asyncDispose]();
    assertEquals(await exists(join(directory, "run.lock")), false);
  }));

Deno.test("a lock ends with an error too, and directories made for nothing go", () =>
  inTempDir(async (dir) => {
    const directory = join(dir, "chatsft_checkpoints", "d4");
    await assertRejects(async () => {
      await using _lock = await RunLock.acquire(directory);
      assertEquals(await exists(directory), true);
      throw new Error("the run failed");
    });
    assertEquals([...Deno.readDirSync(dir)], []);
    {
      await using _lock = await RunLock.acquire(directory);
      await Deno.writeTextFile(join(directory, "metrics.jsonl"), "");
    }
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["metrics.jsonl"]);
  }));

Deno.test("of many that try at once, one at a time has the lock", () =>
  inTempDir(async (directory) => {
    let held = 0, times = 0;
    const attempt = async () => {
      for (let tries = 0; tries < 20; tries++) {
        try {
          await using _lock = await RunLock.acquire(directory);
          assertEquals(++held, 1);
          await new Promise((resolve) => setTimeout(resolve, 1));
          held--;
          times++;
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          await new Promise((resolve) => setTimeout(resolve, 2 * Math.random()));
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, attempt));
    assertEquals(times > 10, true);
  }));

Deno.test("where the disk knows no locks, a process that lives decides", () =>
  inTempDir(async (directory) => {
    const path = join(directory, "run.lock");
    const tryLock = Deno.FsFile.prototype.tryLock;
    Deno.FsFile.prototype.tryLock = () => Promise.reject(new Error("no locks available"));
    try {
      const acquire = async (holder: unknown) => {
        await Deno.writeTextFile(
          path,
          typeof holder === "string" ? holder : JSON.stringify(holder),
        );
        await (await RunLock.acquire(directory))[Symbol.asyncDispose]();
      };
      const host = hostname();
      const child = await holder(directory);
      const held = () => acquire({ pid: child.pid, host });
      await assertRejects(held, UserError, `process ${child.pid} is writing`);
      await kill(child);
      await held(); // it died
      await acquire({ pid: Deno.pid, host }); // a container that was started again
      await acquire(""); // killed before it wrote
      await acquire('{"pid":');
      const elsewhere = { pid: child.pid, host: `not-${host}` };
      await assertRejects(() => acquire(elsewhere), UserError, `on not-${host} is writing`);
      await assertRejects(() => acquire(elsewhere), UserError, "if it has ended, remove run.lock");
    } finally {
      Deno.FsFile.prototype.tryLock = tryLock;
    }
  }));
