import { hostname } from "node:os";
import process from "node:process";
import { dirname, join } from "@std/path";
import { UserError } from "../../errors.ts";
import { reportWriteErrors } from "./staged_file.ts";

/** The lock's file in a directory of checkpoints. */
export const LOCK_FILE = "run.lock";

/** Who holds a lock, as its file says. */
interface Holder {
  pid: number;
  host: string;
}

/**
 * The right to write a run's checkpoints and log into a directory, which one process has at a time.
 *
 * It is the operating system's lock on the file `run.lock`, which ends with the process however that
 * ends; on disks that know no locks, the process's id in the file decides, which then has to be of a
 * process that lives. Disposing of it ends it and removes the file, and the directory if it was made
 * for the run and nothing was saved.
 *
 * @example
 * ```ts
 * import { RunLock } from "@nanochat/sft/checkpoint/disk";
 * import { assertRejects } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * await using _lock = await RunLock.acquire(directory);
 * await assertRejects(() => RunLock.acquire(directory), Error, `process ${Deno.pid}`);
 * ```
 */
export class RunLock implements AsyncDisposable {
  private constructor(
    private readonly path: string,
    private readonly file: Deno.FsFile,
    /** Directories that were made for it, innermost first. */
    private readonly made: readonly string[],
    /** When it was taken, by the clock of the disk. */
    readonly taken: Date,
  ) {}

  /**
   * Takes the lock of a directory, which is made where it is missing.
   *
   * @throws {UserError} if another process holds it, naming that, or if nothing can be written there.
   */
  static async acquire(directory: string): Promise<RunLock> {
    const path = join(directory, LOCK_FILE);
    const made = await missingDirectories(directory);
    for (;;) {
      const file = await reportWriteErrors(path, async () => {
        await Deno.mkdir(directory, { recursive: true });
        return await Deno.open(path, { read: true, write: true, create: true });
      });
      try {
        await claim(file, directory);
        if (await isStillThere(file, path)) {
          await writeHolder(file, { pid: Deno.pid, host: hostname() });
          const { mtime } = await file.stat();
          return new RunLock(path, file, made, mtime ?? new Date(0));
        }
      } catch (error) {
        file.close();
        throw error;
      }
      // Its holder ended and removed it after it was opened here.
      file.close();
    }
  }

  /** Ends the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Failures here would hide what ended the run, and the lock ends with the file's closing.
    await Deno.remove(this.path).catch(() => {});
    this.file.close();
    for (const directory of this.made) await Deno.remove(directory).catch(() => {});
  }
}

/** Locks the file, or finds that nobody who lives holds it. */
async function claim(file: Deno.FsFile, directory: string): Promise<void> {
  let isFree: boolean | undefined;
  try {
    isFree = await file.tryLock(true);
  } catch {
    // The disk knows no locks.
  }
  if (isFree) return;
  const holder = await readHolder(file);
  if (isFree === undefined && !(holder && mayLive(holder))) return;
  const isElsewhere = holder !== undefined && holder.host !== hostname();
  const name = holder
    ? `process ${holder.pid}${isElsewhere ? ` on ${holder.host}` : ""}`
    : "another process";
  const advice = isElsewhere && isFree === undefined
    ? `; if it has ended, remove ${LOCK_FILE} there`
    : "";
  throw new UserError(
    `${directory}: ${name} is writing a run there; wait for it or stop it${advice}`,
  );
}

/** False where the file was removed, or another has its place. */
async function isStillThere(file: Deno.FsFile, path: string): Promise<boolean> {
  const [own, present] = [await file.stat(), await Deno.stat(path).catch(() => undefined)];
  return present !== undefined && own.ino === present.ino;
}

async function readHolder(file: Deno.FsFile): Promise<Holder | undefined> {
  try {
    const bytes = new Uint8Array(1024);
    const count = await file.read(bytes) ?? 0;
    const { pid, host } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, count)));
    return Number.isSafeInteger(pid) && typeof host === "string" ? { pid, host } : undefined;
  } catch {
    return undefined; // just being written, or by Windows not to be read while it is locked
  }
}

async function writeHolder(file: Deno.FsFile, holder: Holder): Promise<void> {
  try {
    await file.truncate();
    await file.seek(0, Deno.SeekMode.Start);
    await file.write(new TextEncoder().encode(JSON.stringify(holder) + "\n"));
  } catch {
    // On a full disk the lock itself still holds; that there is no room is said with the numbers.
  }
}

/** Whether a process lives, as far as can be known here. */
function mayLive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  // A container that is started again has the same ids.
  if (pid === Deno.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** The directories that have to be made for one, innermost first. */
async function missingDirectories(directory: string): Promise<string[]> {
  const missing: string[] = [];
  for (let path = directory; !await exists(path) && dirname(path) !== path; path = dirname(path)) {
    missing.push(path);
  }
  return missing;
}

function exists(path: string): Promise<boolean> {
  return Deno.lstat(path).then(() => true, () => false);
}
