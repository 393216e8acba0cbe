import { StagedFile } from "../../lib/checkpoint/staged_file.ts";
import { ZipWriter } from "../../lib/checkpoint/zip_writer.ts";

/** Runs `body` with a fresh directory that is gone afterwards. */
export async function inTempDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The path of a file under tests/fixtures. */
export function fixture(path: string): string {
  return new URL(`../fixtures/${path}`, import.meta.url).pathname;
}

/** Writes a zip archive with these entries (text is Latin-1), as a hostile program might. */
export async function writeZip(
  path: string,
  entries: Record<string, string | Uint8Array>,
  zip64From?: number,
): Promise<void> {
  await using file = await StagedFile.create(path);
  const zip = new ZipWriter(file, zip64From);
  for (const [name, data] of Object.entries(entries)) {
    const bytes = typeof data === "string"
      ? Uint8Array.from(data, (character) => character.charCodeAt(0))
      : data;
    await zip.add(name, bytes);
  }
  await zip.finish();
  await file.commit();
}
