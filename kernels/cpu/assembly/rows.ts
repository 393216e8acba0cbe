/** How operations on the rows of a matrix are cut into items. */
import { parallelFrom } from "./pool";

/** Elements that an item has about. */
const ITEM_ELEMENTS: i32 = 8192;
const PARALLEL_FROM: i64 = 32768;

/** Rows of an item for rows of this many columns. */
@inline
export function rowsPerItem(columns: i32): i32 {
  return max(1, ITEM_ELEMENTS / columns);
}

/** Number of items. */
@inline
export function rowItems(rows: i32, columns: i32): i32 {
  const each = rowsPerItem(columns);
  return (rows + each - 1) / each;
}

/** Runs an item function over blocks of {@link rowsPerItem} rows. */
export function overRows(rows: i32, columns: i32, item: (index: i32) => void): void {
  parallelFrom(PARALLEL_FROM, <i64> rows * columns, rowItems(rows, columns), item);
}
