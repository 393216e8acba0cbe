/** Sizes that the loss head (lib/model) and Muon (lib/optim) choose to bound their memory. */

/** Elements that the logits and a stack of matrices have at most. */
const MOST_ELEMENTS = 16 << 20;

/** Rows of the loss head at once, with V rows in the token tables. */
export function chunkRows(V: number): number {
  return Math.max(64, Math.floor(MOST_ELEMENTS / V / 64) * 64);
}

/** Matrices of so many rows and columns that Muon updates together, where there are enough. */
export function muonStack(rows: number, columns: number): number {
  return Math.floor(MOST_ELEMENTS / (rows * columns));
}
