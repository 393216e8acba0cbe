/**
 * What is said of attention, and where keys and values lie that are kept.
 *
 * @module
 */
import type { Tensor } from "./tensor.ts";

/** Arguments of `Operations.attention`, which says their shapes. */
export interface AttentionArgs {
  /** What is attended to, summed. */
  out: Tensor;
  /** Log-sum-exp of the scores. */
  lse: Tensor;
  /** Queries. */
  q: Tensor;
  /** Keys. */
  k: Tensor;
  /** Values. */
  v: Tensor;
  /** How far back a query sees. */
  window: number;
  /** Where packed conversations begin. */
  starts?: Tensor;
}

/**
 * Sequences whose keys and values lie in pages that they may share: row p of sequence b is row
 * p mod 64 of page pages[b, ⌊p / 64⌋]. `q` and the caches or half, of one type.
 */
export interface CacheArgs {
  /** (B, T, H, D) Queries of new rows. */
  q: Tensor;
  /** (P, {@link PAGE_ROWS}, Hkv, D) Pages of keys. */
  kCache: Tensor;
  /** (like `kCache`) Pages of values. */
  vCache: Tensor;
  /** int32 (B, N) The pages of each sequence; those beyond its rows are not read. */
  pages: Tensor;
  /** int32 (B) How many rows each sequence has already, before the new ones. */
  positions: Tensor;
}

/** Rows of a page of a cache: a whole number of tiles of keys in every kernel. */
export const PAGE_ROWS = 64;
