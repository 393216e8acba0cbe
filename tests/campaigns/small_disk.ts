/** A disk of a few megabytes in memory, whose free space is set page by page. */
import { join } from "@std/path";
import { freeBytes } from "../../lib/checkpoint/disk/mod.ts";

/** What a file on it takes at least. */
export const PAGE = 4096;

/** Mounted in a temporary folder; disposing of it removes both. */
export class SmallDisk implements AsyncDisposable {
  private constructor(
    /** Where it is. */
    readonly path: string,
  ) {}

  /** Mounts one, or says why that is not possible here. */
  static async mount(bytes: number): Promise<SmallDisk | string> {
    if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "only root on Linux can mount a disk";
    const path = await Deno.makeTempDir();
    const failure = await system("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path);
    if (failure === undefined) return new SmallDisk(path);
    await Deno.remove(path);
    return failure;
  }

  /** Fills it until so many pages are free. */
  async leave(pages: number): Promise<void> {
    const ballast = join(this.path, "ballast");
    await Deno.remove(ballast).catch(() => {});
    const free = await freeBytes(this.path) ?? 0;
    await Deno.writeFile(ballast, new Uint8Array(free - pages * PAGE));
  }

  /** Removes what lies on it. */
  async clear(): Promise<void> {
    for (const { name } of Deno.readDirSync(this.path)) {
      await Deno.remove(join(this.path, name), { recursive: true });
    }
  }

  /** Unmounts it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await system("umount", this.path);
    await Deno.remove(this.path);
  }
}

/** Why small disks cannot be mounted here; undefined where they can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  const disk = await SmallDisk.mount(PAGE * 16);
  if (typeof disk === "string") return disk;
  await disk[Symbol.asyncDispose]();
}

/** Runs a program; what it complains of, if it fails. */
async function system(name: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success, stderr } = await new Deno.Command(name, { args }).output();
    return success ? undefined : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    return (error as Error).message;
  }
}
