import { createHash, type Hash } from "node:crypto";
import { pause } from "../pause.ts";

/** SHA-256 of a file, in hexadecimal. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  return await digest(createHash("sha256"), path, signal);
}

/** Git's name for the content of a file: SHA-1 of its length and its bytes, in hexadecimal. */
export async function gitBlobId(path: string): Promise<string> {
  const { size } = await Deno.stat(path);
  return await digest(createHash("sha1").update(`blob ${size}\0`), path);
}

async function digest(hash: Hash, path: string, signal?: AbortSignal): Promise<string> {
  const buffer = new Uint8Array(1 << 20);
  using file = await Deno.open(path);
  for (let read; (read = await file.read(buffer)) !== null;) {
    hash.update(buffer.subarray(0, read));
    await pause(signal);
  }
  return hash.digest("hex");
}
