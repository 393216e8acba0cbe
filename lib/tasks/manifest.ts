/**
 * Lists of what was fetched, so that a file that was cut or changed since is noticed.
 *
 * A dataset's folder has the list that nanochat keeps there too, the names of its files in the
 * order of their rows, and beside it a file of this package's own with their sizes and checksums. A
 * single file has a manifest with both, as folders had before.
 *
 * @module
 */

import { dirname, join } from "@std/path";
import { UserError } from "../errors.ts";
import { hashFile } from "../hub/mod.ts";

/** Name of the manifest in a dataset's folder. */
export const MANIFEST = "manifest.json";
/**
 * What nanochat locks in a folder that it fetches into. It stays, so that without a manifest, which
 * comes last, it says that what lies there is not all.
 */
export const FETCH_LOCK = `${MANIFEST}.lock`;
/** Name of the file of checksums beside it. */
const CHECKSUMS = "checksums.json";

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

/** What is known of the files of a manifest. */
interface Manifest {
  /** Their names, in the order of their rows. */
  names: string[];
  /** Those whose sizes and checksums are known. */
  files: ManifestFile[];
}

/** Where the manifest of a single file is. */
export function manifestOfFile(path: string): string {
  return `${path}.${MANIFEST}`;
}

/** Writes the manifest of a dataset's folder and its checksums; the manifest comes last. */
export async function writeManifest(folder: string, files: readonly ManifestFile[]): Promise<void> {
  await writeJson(join(folder, CHECKSUMS), { files });
  await writeJson(join(folder, MANIFEST), files.map(({ name }) => name));
}

/** Writes the manifest of a single file. */
export async function writeFileManifest(path: string, file: ManifestFile): Promise<void> {
  await writeJson(manifestOfFile(path), { files: [file] });
}

/** Writes JSON under a temporary name and puts it in its place. */
async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.writeTextFile(`${path}.tmp`, JSON.stringify(value, null, 2) + "\n");
  await Deno.rename(`${path}.tmp`, path);
}

/** Makes of a folder's manifest in this package's earlier form one that nanochat reads too. */
export async function renewManifest(folder: string): Promise<void> {
  const text = await Deno.readTextFile(join(folder, MANIFEST)).catch(() => "");
  if (!text.startsWith("{")) return;
  const { files } = parseManifest(join(folder, MANIFEST), text);
  await writeManifest(folder, files);
}

/**
 * Compares files with their manifest. Without a manifest they were placed by hand and are fine.
 *
 * @param names The files there are.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @returns The files in the order of their rows: the manifest's, else as given.
 * @throws {UserError} If there is a manifest and a file is missing, new, cut or changed.
 */
export async function checkManifest(
  path: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const text = await readIfThere(path);
  if (text === undefined) return names;
  const { names: listed, files } = await withChecksums(path, parseManifest(path, text));
  for (const name of names) {
    if (!listed.includes(name)) refuse(path, `does not list ${name}`);
  }
  for (const name of listed) {
    if (!names.includes(name)) refuse(path, `lists ${name}, which is missing`);
  }
  for (const { name, size, sha256 } of files) {
    const file = join(dirname(path), name);
    const found = (await Deno.stat(file)).size;
    if (found !== size) refuse(path, `says that ${name} has ${size} bytes, not ${found}`);
    if (await hashFile(file, signal) !== sha256) refuse(path, `has another checksum for ${name}`);
  }
  return listed;
}

/** The text of a manifest: nanochat's list of names, or this package's earlier form with checksums. */
function parseManifest(path: string, text: string): Manifest {
  const json = parseJson(text);
  const isList = Array.isArray(json) && json.every((name) => typeof name === "string");
  const files = isList ? [] : filesIn(json) ?? refuse(path, "is not a manifest");
  const names = isList ? json : files.map(({ name }) => name);
  if (names.length === 0) refuse(path, "lists no files");
  return { names, files };
}

/** Adds the checksums that lie beside a manifest, of those files that it lists. */
async function withChecksums(path: string, { names, files }: Manifest): Promise<Manifest> {
  const checksums = join(dirname(path), CHECKSUMS);
  const text = files.length > 0 || path.endsWith(`.${MANIFEST}`)
    ? undefined
    : await readIfThere(checksums);
  if (text === undefined) return { names, files };
  const known = filesIn(parseJson(text)) ?? refuse(checksums, "is not a file of checksums");
  return { names, files: known.filter(({ name }) => names.includes(name)) };
}

function filesIn(json: unknown): ManifestFile[] | undefined {
  const { files } = Object(json);
  const isFile = (file: unknown) => {
    const { name, size, sha256 } = Object(file);
    return typeof name === "string" && Number.isSafeInteger(size) && typeof sha256 === "string";
  };
  return Array.isArray(files) && files.every(isFile) ? files : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function refuse(path: string, fault: string): never {
  const [files, manifest] = path.endsWith(`.${MANIFEST}`)
    ? [`${path.slice(0, -MANIFEST.length - 1)} and its manifest`, "the manifest"]
    : ["the folder", `${MANIFEST} and ${FETCH_LOCK}`];
  throw new UserError(
    `${path} ${fault}: delete ${files} to fetch them anew, ` +
      `or ${manifest} alone to use the files as they are`,
  );
}
