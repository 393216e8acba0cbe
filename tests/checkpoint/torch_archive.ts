import { StagedFile } from "../../lib/checkpoint/disk/staged_file.ts";
import { ZipWriter } from "../../lib/checkpoint/disk/zip_writer.ts";

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
