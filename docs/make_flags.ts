/**
 * Writes `docs/flags.md` from the table of flags: `deno run -A docs/make_flags.ts`.
 *
 * @module
 */
import { type CommandName, COMMANDS, defaultWords, flagOf } from "../cli/flag.ts";
import { flagsOf } from "../cli/flags.ts";

/** The page with a table for each command. */
export function flagsPage(): string {
  const tables = Object.entries(COMMANDS).map(([command, words]) => {
    const rows = flagsOf(command as CommandName).map(({ name, flag }) => [
      `\`${flagOf(name)}\``,
      escaped(defaultWords(flag, command as CommandName)),
      escaped(flag.words),
    ]);
    return `## ${command}\n\n${escaped(words)}\n\n${
      table([["flag", "default", "meaning"], ...rows])
    }`;
  });
  return [
    "# Flags",
    "Made from the table in [cli/flags.ts](../cli/flags.ts) by `deno run -A docs/make_flags.ts`.",
    ...tables,
  ].join("\n\n") + "\n";
}

/** A Markdown table whose columns are as wide as their widest cell. */
function table(rows: string[][]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const lines = rows.map((row) => line(row.map((cell, i) => cell.padEnd(widths[i]))));
  return [lines[0], line(widths.map((width) => "-".repeat(width))), ...lines.slice(1)].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("flags.md", import.meta.url), flagsPage());
}
