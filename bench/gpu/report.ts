/** The report's files: Markdown to read, and JSON to compute with. */
import { join } from "@std/path";
import { table } from "../scaling/markdown.ts";
import type { Row, Settings } from "./part.ts";
import { TABLES } from "./parts.ts";
import { outcomes } from "./targets.ts";

/** What was measured so far. */
export interface Results {
  adapter: string;
  /** When it began, as ISO 8601. */
  date: string;
  commit: string;
  short: boolean;
  /** Rows by table. */
  tables: Record<string, Row[]>;
  /** What did not end well, by part. */
  failures: Record<string, string>;
  /** Seconds by part. */
  seconds: Record<string, number>;
}

/** Begins a report. */
export function emptyResults({ short }: Settings, commit: string): Results {
  const date = new Date().toISOString();
  return { adapter: "unknown", date, commit, short, tables: {}, failures: {}, seconds: {} };
}

/** Writes both files into a folder, named after the adapter. */
export async function writeReport(folder: string, results: Results): Promise<string> {
  const name = results.adapter.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(
    /^-|-$/g,
    "",
  );
  const path = join(folder, results.short ? `${name}-short` : name);
  const json = { ...results, targets: outcomes(results) };
  await Deno.writeTextFile(`${path}.json`, `${JSON.stringify(json, null, 2)}\n`);
  await Deno.writeTextFile(`${path}.md`, markdown(results));
  return `${path}.md`;
}

/** The targets as lines: one ratio each. */
export function targetLines(results: Results): string[] {
  return outcomes(results).map(({ target, least, ratio }) => {
    const verdict = ratio === undefined ? "not measured" : ratio >= least ? "met" : "not met";
    return `${target}: ${
      ratio === undefined ? "–" : digits(ratio)
    }, of at least ${least}: ${verdict}`;
  });
}

function markdown(results: Results): string {
  const { adapter, date, commit, short, tables, failures, seconds } = results;
  const all = Object.values(seconds).reduce((sum, each) => sum + each, 0);
  const sections = [
    `# ${adapter}`,
    `\`deno task gpu${short ? " --short" : ""}\` at ${commit}, ${date}, in ${all.toFixed(0)} s${
      short ? ", with very small models: it shows that all of it runs, not how fast" : ""
    }.`,
  ];
  if (!short) sections.push("## Targets", list(targetLines(results)));
  const failed = Object.entries(failures).map(([part, why]) => `${part}: ${why}`);
  if (failed.length > 0) sections.push("## Not finished", list(failed));
  for (const [name, title] of Object.entries(TABLES)) {
    const rows = tables[name];
    if (rows) sections.push(`## ${title}`, tableOf(rows));
  }
  return `${sections.join("\n\n")}\n`;
}

const list = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");

/** A table of all columns that some row has. */
function tableOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
    .filter((column) => rows.some((row) => row[column] !== undefined));
  const cell = (value: Row[string]) =>
    typeof value === "number" ? digits(value) : (value ?? "").replaceAll("|", "\\|");
  return table(columns, rows.map((row) => columns.map((column) => cell(row[column]))));
}

/** The digits that count. */
function digits(value: number): string {
  if (Number.isInteger(value)) return `${value}`;
  if (!(Math.abs(value) >= 0.001)) return value.toExponential(1);
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}
