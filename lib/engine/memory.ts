/**
 * What an engine holds on its device.
 *
 * @module
 */
import { PAGE_ROWS } from "../device/attention.ts";
import { CachedPass, type GPT } from "../model/mod.ts";
import { PagePool } from "./page_pool.ts";
import { Sampler } from "./sampler.ts";

/** Most tokens of prompts that are read in one go. */
export const PREFILL_TOKENS = 512;

/** Pages for so many tokens of a sequence. */
export function pagesFor(tokens: number): number {
  return Math.ceil(tokens / PAGE_ROWS);
}

/** The tensors for a number of rows, and who holds which pages. */
export interface Memory {
  readonly rows: number;
  readonly pass: CachedPass;
  readonly sampler: Sampler;
  readonly pool: PagePool;
  /** Gives it back. */
  free(): void;
}

/**
 * Plans the memory for `rows` sequences of up to `capacity` tokens that share `pages` pages.
 *
 * @throws {UserError} when the device cannot hold it; nothing stays allocated.
 */
export function planMemory(model: GPT, capacity: number, rows: number, pages: number): Memory {
  const tokens = Math.max(rows, Math.min(PREFILL_TOKENS, capacity));
  const pass = new CachedPass(model, { rows, tokens, capacity, pages });
  try {
    const sampler = new Sampler(model, rows);
    const free = () => {
      pass.free();
      sampler.free();
    };
    return { rows, pass, sampler, pool: new PagePool(pages, PAGE_ROWS), free };
  } catch (error) {
    pass.free();
    throw error;
  }
}
