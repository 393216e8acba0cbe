/**
 * The sizes an operation works with, derived from its tensors' shapes, in one place for all
 * devices. A mismatch is a bug of the caller and says which tensors disagree.
 *
 * @module
 */
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
 * Sizes of a {@link MatmulArgs}. A product is a batch only where all three tensors have three
 * dimensions and `b` has as many matrices as `a`; otherwise leading dimensions are rows.
 *
 * @throws {RangeError} where shapes disagree.
 */
export function matmulSizes(args: MatmulArgs): MatmulSizes {
  const { out, a, b, layout } = args;
  const batched = b.shape.length === 3 && out.shape.length === 3 && a.shape.length === 3;
  const batch = batched ? b.shape[0] : 1;
  const matrix = (t: Tensor) => {
    const [rows, columns] = rowsOf(t);
    return [rows / batch, columns];
  };
  const [aRows, aColumns] = matrix(a);
  const [bRows, bColumns] = matrix(b);
  const [M, N] = matrix(out);
  const K = layout === "tn" ? aRows : aColumns;
  const fits = M === (layout === "tn" ? aColumns : aRows) &&
    N === (layout === "nt" ? bRows : bColumns) &&
    K === (layout === "nt" ? bColumns : bRows) &&
    (!batched || a.shape[0] === batch && out.shape[0] === batch);
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
