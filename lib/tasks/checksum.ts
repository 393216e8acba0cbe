/** SHA-256 of bytes, in hexadecimal. It is the Web's, for tasks run in browsers too. */
export async function checksumOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** SHA-256 of a text in UTF-8, in hexadecimal. */
export async function checksumOfText(text: string): Promise<string> {
  return await checksumOf(new TextEncoder().encode(text));
}
