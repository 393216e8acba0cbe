/** Rows of sequences that lie in pages. */

/** Rows of a page. The same as in `lib/device/operations.ts`. */
export const PAGE_ROWS: i32 = 64;

/**
 * The number of a sequence's row among those of all pages, given the pages of the sequence. Where its
 * page is none of the `limit` that there are, the kernel stops.
 */
@inline
export function rowInPages(pages: usize, row: i32, limit: i32): usize {
  const page = load<i32>(pages + (<usize> (row / PAGE_ROWS) << 2));
  if (<u32> page >= <u32> limit) unreachable();
  return <usize> page * PAGE_ROWS + <usize> (row % PAGE_ROWS);
}

/** The first row of the next page. */
@inline
export function endOfPage(row: i32): i32 {
  return (row / PAGE_ROWS + 1) * PAGE_ROWS;
}
