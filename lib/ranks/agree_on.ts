import { UserError } from "../errors.ts";
import { gatherTexts } from "./gather_texts.ts";
import type { Ranks } from "./ranks.ts";

/**
 * Compares what all ranks must have alike, such as a file that each reads from its own disk.
 *
 * @param what It is, for a person.
 * @param own What this rank has, for a person.
 * @throws {UserError} on all ranks where one has another than the first.
 */
export async function agreeOn(ranks: Ranks, what: string, own: string): Promise<void> {
  const all = await gatherTexts(ranks, own);
  const other = all.findIndex((text) => text !== all[0]);
  if (other < 0) return;
  throw new UserError(
    `ranks differ in their ${what}: rank 0 has ${all[0]}, and rank ${other} ${all[other]}; ` +
      "all must run the same command on the same files",
  );
}
