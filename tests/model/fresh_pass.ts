/** Sequences at their beginning, for tests that go on from there. */
import { PAGE_ROWS } from "../../lib/device/mod.ts";
import { CachedPass, type GPT } from "../../lib/model/mod.ts";

/** The pages of each of B sequences of up to `capacity` tokens that share none. */
export function ownPages(B: number, capacity: number): number[][] {
  const each = Math.ceil(capacity / PAGE_ROWS);
  return Array.from({ length: B }, (_, b) => Array.from({ length: each }, (_, i) => b * each + i));
}

/** A pass in which B empty sequences of up to `capacity` tokens sit, up to T new ones in a call. */
export function freshPass(model: GPT, B: number, capacity: number, T: number): CachedPass {
  const pages = ownPages(B, capacity);
  const size = { rows: B, tokens: B * T, capacity, pages: pages.flat().length };
  const pass = new CachedPass(model, size);
  pass.seat(pages.map((pages) => ({ pages, length: 0 })));
  return pass;
}
