/**
 * Kills runs of the command line without warning, at random moments and while they save, and goes
 * on with them: nothing is ever half-written, and they end as if they had not been killed.
 */
import { assertEquals } from "@std/assert";
import { PythonRandom } from "../../lib/random/mod.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";
import { isLong, printFigures } from "./campaign.ts";
import { checkFolder, checkpointFolder, hasCheckpoint, resultOf, startRun } from "./small_run.ts";

/** A base directory whose folder of checkpoints is there and empty. */
async function emptyBaseDir(): Promise<string> {
  const baseDir = await smallBaseDir();
  await Deno.mkdir(checkpointFolder(baseDir), { recursive: true });
  return baseDir;
}

/** Runs to the end and says what came out, and how many seconds it took. */
async function uninterrupted() {
  const baseDir = await emptyBaseDir();
  const start = performance.now();
  await finish(startRun(baseDir, false));
  const seconds = (performance.now() - start) / 1000;
  const result = await resultOf(checkpointFolder(baseDir));
  await Deno.remove(baseDir, { recursive: true });
  return { result, seconds };
}

async function finish(child: Deno.ChildProcess): Promise<void> {
  const { code, stderr } = await child.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
}

/**
 * Kills so many times, going on after each; a run that comes to its end is compared, and another
 * begins.
 *
 * @param aim Resolves when a process is to be killed.
 */
async function killRuns(
  name: string,
  kills: number,
  aim: (folder: string, seconds: number, ended: AbortSignal) => Promise<void>,
): Promise<void> {
  const { result, seconds } = await uninterrupted();
  const baseDir = await emptyBaseDir();
  const folder = checkpointFolder(baseDir);
  let killed = 0, equal = 0, halfSaved = 0, temporary = 0;
  const begin = async () => {
    await Deno.remove(folder, { recursive: true });
    await Deno.mkdir(folder);
  };
  const compare = async () => {
    const ended = await resultOf(folder);
    assertEquals(ended.losses, result.losses);
    assertEquals(ended.files, result.files);
    equal++;
  };
  while (killed < kills) {
    const child = startRun(baseDir, hasCheckpoint(folder));
    const output = child.output();
    const ended = new AbortController();
    await Promise.race([aim(folder, seconds, ended.signal), output]);
    ended.abort();
    try {
      child.kill("SIGKILL");
    } catch {
      // It had ended by itself.
    }
    const { code, signal, stderr } = await output;
    if (signal === "SIGKILL") {
      killed++;
      const left = await checkFolder(folder);
      temporary += left;
      if (left > 0) halfSaved++;
    } else {
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      await compare();
      await begin();
    }
  }
  await finish(startRun(baseDir, hasCheckpoint(folder)));
  await compare();
  assertEquals(await checkFolder(folder), 0); // swept
  printFigures(name, {
    kills: killed,
    "of them within a save": halfSaved,
    "temporary files left and swept": temporary,
    "files half-written": 0,
    "runs to the end, each equal to the uninterrupted one bit for bit": equal,
  });
  await Deno.remove(baseDir, { recursive: true });
}

// Windows cannot be asked for a SIGKILL, and reports other codes.
const ignore = Deno.build.os === "windows";

Deno.test(
  { name: "runs killed at random moments end as if they had not been", ignore },
  async () => {
    const random = new PythonRandom(1);
    await killRuns("random kills", isLong ? 100 : 3, (_folder, seconds, ended) => {
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000 * seconds * random.random());
        ended.addEventListener("abort", () => clearTimeout(timer));
      });
    });
  },
);

Deno.test({ name: "runs killed while they save leave whole files only", ignore }, async () => {
  const random = new PythonRandom(2);
  await killRuns("kills while saving", isLong ? 50 : 2, async (folder, _seconds, ended) => {
    // The first save is too early to tell; any change of the directory within the later ones.
    const saves = 1 + Math.floor(3 * random.random());
    const changes = Math.floor(30 * random.random());
    await changesOfSave(folder, saves, changes, ended);
  });
});

/** Waits for so many changes of a folder after so many saves were begun. */
async function changesOfSave(
  folder: string,
  saves: number,
  changes: number,
  ended: AbortSignal,
): Promise<void> {
  using watcher = Deno.watchFs(folder);
  ended.addEventListener("abort", () => watcher.close(), { once: true });
  let begun = 0, since = 0;
  for await (const { kind, paths } of watcher) {
    if (kind === "create" && paths.some((path) => /_model\.pt\.\w+\.tmp$/.test(path))) begun++;
    if (begun >= saves && since++ >= changes) return;
  }
}
