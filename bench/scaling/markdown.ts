/** Markdown as `deno fmt` leaves it. */

/** A table: words to the left, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumber = head.map((_, i) =>
    rows.every((row) => /^[\d.,]+( %| [A-Z]?i?B)?$/.test(row[i]))
  );
  const widths = head.map((title, i) =>
    Math.max(
      3,
      ...[title, ...rows.map((row) => row[i])].map(
        ({ length }) => length,
      ),
    )
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => pad(cell, widths[i], isNumber[i])).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    isNumber[i] ? `${"-".repeat(width - 1)}:` : "-".repeat(width)
  );
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

const pad = (cell: string, width: number, isNumber: boolean) =>
  isNumber ? cell.padStart(width) : cell.padEnd(width);
