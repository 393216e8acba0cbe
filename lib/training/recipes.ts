/**
 * How nanochat fine-tunes has changed; a recipe is how it did at one time. What a flag of its own
 * says is not in it: MMLU and GSM8K are mixed in as often in both.
 *
 * @module
 */
import { CHATCORE_TASKS, type ChatcoreTask } from "../eval/mod.ts";
import type { MuonOptions } from "../optim/mod.ts";
import { TRAIN_MIXTURE, type TrainMixtureOptions } from "../tasks/mod.ts";

/** The name of a recipe. */
export type RecipeName = "may2026" | "newest";

/** The names of all recipes; the first is the default. */
export const RECIPE_NAMES: readonly RecipeName[] = ["may2026", "newest"];

/** A way to fine-tune. */
export interface Recipe {
  /** Which nanochat's it is. */
  words: string;
  /** What the training mixture is made of. */
  mixture: Readonly<TrainMixtureOptions>;
  /** The tasks that ChatCORE is the mean of. */
  tasks: readonly ChatcoreTask[];
  /** How Muon is varied. */
  muon: Required<MuonOptions>;
}

/** Every recipe. */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  may2026: {
    words: "May 2026",
    mixture: TRAIN_MIXTURE,
    tasks: CHATCORE_TASKS,
    muon: { equilibrateRows: false, renormalize: false },
  },
  newest: {
    words: "July 2026",
    mixture: { ...TRAIN_MIXTURE, identityEpochs: 0, simpleSpellingSize: 0, spellingBeeSize: 0 },
    tasks: CHATCORE_TASKS.filter((task) => task !== "SpellingBee"),
    muon: { equilibrateRows: true, renormalize: true },
  },
};
