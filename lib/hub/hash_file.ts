import { createHash } from "node:crypto";
import { pause } from "../pause.ts";

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
