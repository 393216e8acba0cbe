/** Lists of what was fetched, so that a file that was cut or changed since is noticed. */

import { createHash } from "node:crypto";
import { dirname, join } from "@std/path";
import { UserError } from "../errors.ts";
import { pause } from "../pause.ts";

/** Name of the manifest in a dataset's folder. */
export const MANIFEST = "manifest.json";

/** A file as it was when it was fetched. */
export interface ManifestFile {
  /** Its name in the manifest's folder. */
  name: string;
  /** Where it came from. */
  url: string;
  /** Its length in bytes. */
  size: number;
  /** SHA-256 of its bytes, in hexadecimal. */
  sha256: string;
  /** What the server called this version of it, if it did. */
  etag: string | null;
}

/** Where the manifest of a single file is. */
export function manifestOfFile(path: string): string {
  return `${path}.${MANIFEST}`;
}

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1 << 20);
  using file = await Deno.open(path);
  for (let read; (read = await file.read(buffer)) !== null;) {
    hash.update(buffer.subarray(0, read));
    await pause(signal);
  }
  return hash.digest("hex");
}

/** Writes a manifest under a temporary name and puts it in its place. */
export async function writeManifest(path: string, files: readonly ManifestFile[]): Promise<void> {
  await Deno.writeTextFile(`${path}.tmp`, JSON.stringify({ files }, null, 2) + "\n");
  await Deno.rename(`${path}.tmp`, path);
}

/**
 * Compares files with their manifest. Without a manifest they were placed by hand and are fine.
 *
 * @param names The files there are.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} If there is a manifest and a file is missing, new, cut or changed.
 */
export async function checkManifest(
  path: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const files = await readManifest(path);
  if (files === undefined) return;
  for (const name of names) {
    if (!files.some((file) => file.name === name)) refuse(path, `does not list ${name}`);
  }
  for (const { name, size, sha256 } of files) {
    if (!names.includes(name)) refuse(path, `lists ${name}, which is missing`);
    const file = join(dirname(path), name);
    const found = (await Deno.stat(file)).size;
    if (found !== size) refuse(path, `says that ${name} has ${size} bytes, not ${found}`);
    if (await hashFile(file, signal) !== sha256) refuse(path, `has another checksum for ${name}`);
  }
}

async function readManifest(path: string): Promise<ManifestFile[] | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    const { files } = JSON.parse(text);
    if (Array.isArray(files)) return files;
  } catch {
    // Not JSON: refused below.
  }
  refuse(path, "is not a manifest");
}

function refuse(path: string, fault: string): never {
  const files = path.endsWith(`.${MANIFEST}`)
    ? `${path.slice(0, -MANIFEST.length - 1)} and its manifest`
    : `the folder`;
  throw new UserError(
    `${path} ${fault}: delete ${files} to fetch them anew, ` +
      `or the manifest alone to use the files as they are`,
  );
}
