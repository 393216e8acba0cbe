/**
 * What the recipes are.
 *
 * @module
 */
import { CHATCORE_TASKS } from "../eval/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import { type Recipe, RECIPE_NAMES, RECIPES } from "../training/mod.ts";

/** A row of the table. */
type Row = [words: string, valueOf: (recipe: Recipe) => string];

const times = (n: number) => n > 0 ? `x${n}` : "-";
const size = (n: number) => n > 0 ? n.toLocaleString("en-US") : "-";
const yes = (holds: boolean) => holds ? "yes" : "-";

const ROWS: readonly Row[] = [
  ["nanochat of", ({ words }) => words],
  ["SmolTalk", () => times(1)],
  ["Identity", ({ mixture }) => times(mixture.identityEpochs)],
  ["MMLU", ({ mixture }) => times(mixture.mmluEpochs)],
  ["GSM8K", ({ mixture }) => times(mixture.gsm8kEpochs)],
  ["SimpleSpelling", ({ mixture }) => size(mixture.simpleSpellingSize)],
  ["SpellingBee", ({ mixture }) => size(mixture.spellingBeeSize)],
  ...CHATCORE_TASKS.map((task): Row => [
    `ChatCORE: ${task}`,
    ({ tasks }) => yes(tasks.includes(task)),
  ]),
  ["Muon: rows equilibrated", ({ muon }) => yes(muon.equilibrateRows)],
  ["Muon: renormalized", ({ muon }) => yes(muon.renormalize)],
];

/** Prints a table of all recipes: their mixtures, the tasks of ChatCORE, and how Muon is varied. */
export function inspectRecipes(terminal: Terminal): void {
  const row = (words: string, cells: string[]) =>
    terminal.print(words.padEnd(26) + cells.map((cell) => cell.padStart(12)).join(""));
  row("Recipe", [...RECIPE_NAMES]);
  for (const [words, valueOf] of ROWS) {
    row(
      words,
      RECIPE_NAMES.map((name) => valueOf(RECIPES[name])),
    );
  }
}
