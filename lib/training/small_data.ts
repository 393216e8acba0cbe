/**
 * How a run trains on one's own conversations alone, where it was not told. The numbers were chosen
 * by measurement, see docs/small_data.md.
 *
 * @module
 */
import { pause } from "../pause.ts";
import { parseOwnData, type Task } from "../tasks/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { InheritedSettings, WantedRows, WantedSettings } from "./settings.ts";

/** How much there is to train on. */
export interface DataAmount {
  /** Conversations. */
  conversations: number;
  /** Tokens of all of them. */
  tokens: number;
  /** Tokens of the longest. */
  longest: number;
}

/** How much a task has. */
async function dataAmount(
  task: Task,
  tokenizer: Tokenizer,
  signal: AbortSignal,
): Promise<DataAmount> {
  const amount = { conversations: task.length, tokens: 0, longest: 0 };
  for (let index = 0; index < task.length; index++) {
    const { ids } = tokenizer.renderConversation(task.get(index), Infinity);
    amount.tokens += ids.length;
    amount.longest = Math.max(amount.longest, ids.length);
    await pause(signal);
  }
  return amount;
}

/** A run over own conversations alone. */
export interface OwnRun {
  /** The files as they were said: `path`, or `path:epochs`. */
  data: readonly string[];
  /** What it trains on. */
  train: Task;
  /** Makes tokens of it. */
  tokenizer: Tokenizer;
  /** The settings that would be inherited. */
  inherited: WantedSettings;
  /** What was said of the settings. */
  said: Partial<SmallDataSettings>;
  /** How many ranks share a step. */
  worldSize?: number;
}

/**
 * Chooses what was not said of a run, see {@link smallDataSettings}.
 *
 * @throws The signal's reason, once it is aborted.
 */
export async function chooseSettings(
  { data, train, tokenizer, inherited, said, worldSize }: OwnRun,
  signal: AbortSignal,
): Promise<Chosen[]> {
  const amount = await dataAmount(train, tokenizer, signal);
  const checkpoint = { ...inherited, deviceBatchSize: Number(inherited.deviceBatchSize) };
  const hasEpochs = data.some((own) => parseOwnData(own).path !== own);
  return smallDataSettings(amount, checkpoint, said, { hasEpochs, worldSize });
}

/** What the recipe decides. */
export interface SmallDataSettings {
  /** Tokens in a row, T. */
  maxSeqLen: number;
  /** Rows in a micro-batch, B. */
  deviceBatchSize: WantedRows;
  /** Tokens in an optimizer step. */
  totalBatchSize: number;
  /** Whether packed conversations do not see each other. */
  isolate: boolean;
  /** Optimizer steps; −1 for one pass over the data. */
  numIterations: number;
  /** First learning rate as a fraction of the base one. */
  initLrFrac: number;
  /** Share of the run in which the learning rate falls. */
  warmdownRatio: number;
  /** Steps between measurements. */
  evalEvery: number;
  /** Measurements that may be no better. */
  patience: number;
  /** Steps between ChatCORE evaluations; −1 for none. */
  chatcoreEvery: number;
}

/** A setting that was chosen, with the reason for a person to read. */
export type Chosen = {
  [Name in keyof SmallDataSettings]: {
    name: Name;
    value: SmallDataSettings[Name];
    why: string;
  };
}[keyof SmallDataSettings];

/** Rows are so many tokens long, or a multiple of it. */
const ROW_STEP = 64;
/** Steps that an epoch is divided into, as far as the smallest and the largest step allow. */
const STEPS_PER_EPOCH = 16;
/** Tokens of the smallest step. */
const SMALLEST_STEP = 256;
/** Learning rate of steps of an eighth of the checkpoint's tokens and more. */
const LR_FRAC = 0.8;
/** Epochs by the most conversations that they are for. */
const EPOCHS = [[30, 30], [70, 6], [700, 4], [2000, 3], [Infinity, 2]] as const;
/** Share of the run in which the learning rate falls, where it does not rise that long. */
const WARMDOWN = 1;
/** How often a run is measured on the way. */
const MEASUREMENTS = 16;
/** Measurements that may be no better before a run ends. */
const PATIENCE = 5;

/**
 * Chooses what was not said.
 *
 * @param checkpoint The settings that would be inherited.
 * @param said What was said; it is kept, and the rest is chosen to go with it.
 * @param others `hasEpochs`: whether it was said how often each conversation is in the data, which is passed
 * once then; `worldSize`: how many ranks share a step.
 *
 * @example
 * ```ts
 * import { smallDataSettings } from "@nanochat/sft/training";
 * import { assertEquals } from "@std/assert";
 *
 * const checkpoint = { maxSeqLen: 512, deviceBatchSize: 8, totalBatchSize: 4096 };
 * const chosen = smallDataSettings({ conversations: 19, tokens: 969, longest: 87 }, checkpoint);
 * assertEquals(chosen[0].value, 128);
 * assertEquals(chosen[0].why, "the longest conversation has 87 tokens");
 * ```
 */
export function smallDataSettings(
  { conversations, tokens, longest }: DataAmount,
  checkpoint: Pick<InheritedSettings, "maxSeqLen" | "deviceBatchSize" | "totalBatchSize">,
  said: Partial<SmallDataSettings> & { warmupRatio?: number } = {},
  { hasEpochs = false, worldSize = 1 } = {},
): Chosen[] {
  const format = (count: number) => count.toLocaleString("en-US");
  // A row holds one token more than the model is given.
  const enough = Math.ceil((longest - 1) / ROW_STEP) * ROW_STEP;
  const atATime = typeof said.deviceBatchSize === "number" ? said.deviceBatchSize : 1;
  const lengths = [];
  for (let T = enough; T < checkpoint.maxSeqLen; T += ROW_STEP) lengths.push(T);
  lengths.push(checkpoint.maxSeqLen);
  // Steps that were said have whole rows; where they cannot, whoever said so is told.
  const isWhole = (T: number) => (said.totalBatchSize ?? 0) % (T * atATime * worldSize) === 0;
  const maxSeqLen = said.maxSeqLen ?? lengths.find(isWhole) ?? lengths[0];

  const wanted = Math.max(SMALLEST_STEP, tokens / STEPS_PER_EPOCH);
  const unit = maxSeqLen * atATime * worldSize;
  const mostUnits = Math.max(1, Math.floor(checkpoint.totalBatchSize / unit));
  const units = Math.min(mostUnits, Math.ceil(wanted / unit));
  const totalBatchSize = said.totalBatchSize ?? units * unit;
  // As many rows at a time as the checkpoint's had tokens for.
  const rows = totalBatchSize / (maxSeqLen * worldSize);
  let most = Math.floor(checkpoint.deviceBatchSize * checkpoint.maxSeqLen / maxSeqLen);
  while (most > 1 && rows % most !== 0) most--;
  const deviceBatchSize = said.deviceBatchSize ?? Math.max(1, most);

  const [, epochs] = EPOCHS.find(([upTo]) => conversations <= upTo)!;
  const steps = (passes: number) => Math.max(1, Math.ceil(passes * tokens / totalBatchSize));
  const numIterations = said.numIterations ?? (hasEpochs ? -1 : steps(epochs));
  const whole = numIterations > 0 ? numIterations : steps(1);
  const share = 8 * totalBatchSize / checkpoint.totalBatchSize;
  const chosen: Chosen[] = [
    {
      name: "maxSeqLen",
      value: maxSeqLen,
      why: `the longest conversation has ${format(longest)} tokens`,
    },
    {
      name: "totalBatchSize",
      value: totalBatchSize,
      why: steps(1) === 1
        ? `a step sees all ${format(tokens)} tokens`
        : `${format(steps(1))} steps see all ${format(tokens)} tokens once`,
    },
    {
      name: "deviceBatchSize",
      value: deviceBatchSize,
      why: "rows of a step that are computed at once",
    },
    { name: "isolate", value: true, why: "a question is asked without others before it" },
    {
      name: "numIterations",
      value: numIterations,
      why: hasEpochs ? "each conversation as often as was said" : `${epochs} epochs`,
    },
    {
      name: "initLrFrac",
      value: said.initLrFrac ?? Number((LR_FRAC * Math.min(1, Math.sqrt(share))).toPrecision(2)),
      why: "for steps of this size",
    },
    {
      name: "warmdownRatio",
      value: Math.min(WARMDOWN, 1 - (said.warmupRatio ?? 0)),
      why: "the rate falls from the start",
    },
    {
      name: "evalEvery",
      value: said.evalEvery ?? Math.ceil(whole / MEASUREMENTS),
      why: `${MEASUREMENTS} measurements in a run`,
    },
    {
      name: "patience",
      value: said.patience ?? PATIENCE,
      why: "measurements that may be no better",
    },
    { name: "chatcoreEvery", value: said.chatcoreEvery ?? -1, why: "what is taught is measured" },
  ];
  return chosen.filter(({ name }) => said[name] === undefined);
}
