import { assertEquals } from "@std/assert";
import { sftCommand } from "../../cli/sft.ts";
import { flagOf } from "../../lib/training/flag_rules.ts";
import { SFT_DEFAULTS } from "../../lib/sft/mod.ts";

const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

/** The flags in a text, in their order. */
function flagsIn(lines: string[], form: RegExp): string[] {
  return lines.flatMap((line) => line.match(form)?.[1] ?? []);
}

Deno.test("the README's table has the flags of sft and their defaults", () => {
  const rows = readme.split("\n").filter((line) => line.startsWith("| `--"));
  const inReadme = flagsIn(rows, /^\| `(--[\w-]+)`/);
  const help = sftCommand().getHelp().split("\n");
  const inHelp = flagsIn(help, /^\s+(?:-\w, )?(--[\w-]+)/).filter((flag) => flag !== "--help");
  assertEquals(inReadme, inHelp);

  for (const [field, value] of Object.entries(SFT_DEFAULTS)) {
    if (value === undefined) continue;
    const row = rows.find((line) => line.includes(`\`${flagOf(field)}\``))!;
    const written = row.split("|")[2].trim();
    // A switch that is off has no default to write down.
    assertEquals(written, value === false ? "" : String(value === true ? 1 : value), row);
  }
});
