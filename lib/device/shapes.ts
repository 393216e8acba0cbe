/**
 * The sizes an operation works with, derived from its tensors' shapes, in one place for all
 * devices. A mismatch is a bug of the caller and says which tensors disagree.
 *
 * @module
 */
import { type CacheArgs, PAGE_ROWS } from "./attention.ts";
import type { MatmulArgs } from "./operations.ts";
import type { Tensor } from "./tensor.ts";

/** The sizes of a product. */
export interface MatmulSizes {
  /** Number of matrices. */
  batch: number;
  /** Rows of the output. */
  M: number;
  /** Columns of the output. */
  N: number;
  /** Length of the inner dimension. */
  K: number;
}

/** Throws unless `condition` holds; `tensors` are named with their shapes. */
export function checkShapes(condition: boolean, operation: string, ...tensors: Tensor[]): void {
  if (condition) return;
  const shapes = tensors.map((t) => `${t.name} (${t.shape.join(", ")})`).join(", ");
  throw new RangeError(`${operation}: shapes do not fit: ${shapes}`);
}

/** A tensor seen as rows of its last dimension: [rows, columns]. */
export function rowsOf(tensor: Tensor): [rows: number, columns: number] {
  const columns = tensor.shape[tensor.shape.length - 1];
  return [tensor.size / columns, columns];
}

/**
 * Sizes of a {@link MatmulArgs}. They come from `b`, or in layout `tn` from `out`: a matrix, or a
 * stack of them if it has three dimensions. The other tensors may have any shape of the right size.
 *
 * @throws {RangeError} where sizes disagree.
 */
export function matmulSizes(args: MatmulArgs): MatmulSizes {
  const { out, a, b, layout } = args;
  const known = layout === "tn" ? out : b;
  const batch = known.shape.length === 3 ? known.shape[0] : 1;
  const [rows, columns] = known.shape.slice(-2);
  const N = layout === "nt" ? rows : columns;
  const M = layout === "tn" ? rows : out.size / (batch * N);
  const K = layout === "tn" ? b.size / (batch * N) : layout === "nt" ? columns : rows;
  const fits = known.shape.length >= 2 && out.size === batch * M * N &&
    a.size === batch * M * K && b.size === batch * K * N && Number.isInteger(M * K);
  checkShapes(fits, `matmul ${layout}`, out, a, b);
  return { batch, M, N, K };
}

/** Sizes of attention over q (B, T, H, D) and keys (B, S, Hkv, D). */
export function attentionSizes(
  q: Tensor,
  k: Tensor,
): { B: number; T: number; S: number; H: number; Hkv: number; D: number } {
  const [B, T, H, D] = q.shape;
  const [kB, S, Hkv, kD] = k.shape;
  checkShapes(
    q.shape.length === 4 && k.shape.length === 4 && kB === B && kD === D && H % Hkv === 0,
    "attention",
    q,
    k,
  );
  return { B, T, S, H, Hkv, D };
}

/** Sizes of {@link CacheArgs}: `S` rows that a sequence has at most, `P` pages that there are. */
export function cacheSizes(
  { q, kCache, vCache, pages, positions }: CacheArgs,
): { B: number; T: number; S: number; P: number; H: number; Hkv: number; D: number } {
  const [B, T, H, D] = q.shape;
  const [P, rows, Hkv, kD] = kCache.shape;
  const [sequences, N] = pages.shape;
  const fits = q.shape.length === 4 && kCache.shape.length === 4 && pages.shape.length === 2 &&
    rows === PAGE_ROWS && kD === D && H % Hkv === 0 && vCache.size === kCache.size &&
    sequences === B && positions.size >= B;
  checkShapes(fits, "caches in pages", q, kCache, vCache, pages, positions);
  return { B, T, S: N * PAGE_ROWS, P, H, Hkv, D };
}
