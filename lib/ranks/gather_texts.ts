import type { Ranks } from "./ranks.ts";

/** A text of each rank, in the order of the ranks. */
export async function gatherTexts(ranks: Ranks, own: string): Promise<string[]> {
  const bytes = new TextEncoder().encode(own);
  const lengths = await ranks.gather(Int32Array.of(bytes.length));
  const all = await ranks.gather(bytes, lengths.map(([length]) => length));
  return all.map((bytes) => new TextDecoder().decode(bytes));
}
