/**
 * The command that looks at own conversations before they are trained on.
 *
 * @module
 */
import { join } from "@std/path";
import { DiskFolder } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { TaskMixture } from "../tasks/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import {
  chooseSettings,
  computeType,
  findModel,
  type FoundModel,
  inheritSettings,
  loadOwnFiles,
  needsShippedBase,
  type OwnDataOptions,
  ownForm,
  placeShippedBase,
  type RecipeName,
  RECIPES,
  type RunIo,
  splitOwn,
  withDevice,
} from "../training/mod.ts";
import type { InspectOptions } from "./checkpoint.ts";
import { dataReport } from "./data.ts";
import { printCost, printDataReport } from "./print_data.ts";
import { measureRate } from "./training_rate.ts";

/** Which own conversations are looked at, and the run that they are for. */
export interface InspectDataOptions extends OwnDataOptions, InspectOptions {
  /** Whether it would train on them alone. */
  dataOnly: boolean;
  /** Whose Muon it would take. */
  recipe: RecipeName;
}

/** What a run would begin with. */
interface Beginning {
  tokenizer: Tokenizer;
  /** Undefined where there is no model. */
  found?: FoundModel;
  /** What else there is to say of it. */
  note?: string;
}

/**
 * Prints what own conversations are like: their tokens, what may be wrong with them, their numbers,
 * and what a pass over them costs on this device. The last alone needs a model.
 *
 * @throws {UserError} naming the file and place of what cannot be read.
 */
export async function inspectData(options: InspectDataOptions, io: RunIo): Promise<void> {
  const { terminal, signal } = io;
  const how = ownForm(options);
  const files = await loadOwnFiles(options, how, signal);
  how.map?.checkSeen();
  const parts = await splitOwn(files, options, undefined, signal);
  await using shipped = new AsyncDisposableStack();
  const { tokenizer, found, note } = await findBeginning(options, io, shipped);
  const { maxSeqLen, dataOnly } = options;
  const inherited = inheritSettings(
    { maxSeqLen },
    found?.meta.raw ?? {},
    undefined,
    options.source,
  );
  const settings = { ...inherited, deviceBatchSize: Number(inherited.deviceBatchSize) };
  let runSteps: number | undefined;
  if (dataOnly) {
    const train = new TaskMixture(parts.train), { data } = options;
    const run = { data, train, tokenizer, inherited, said: { maxSeqLen } };
    for (const { name, value } of await chooseSettings(run, signal)) {
      Object.assign(settings, { [name]: value });
      if (name === "numIterations" && value > 0) runSteps = value;
    }
  }
  const { maxSeqLen: T, totalBatchSize, deviceBatchSize } = settings;
  const report = await dataReport({ files, parts }, { tokenizer, T }, io);
  const notes = note ? [note, ...report.notes] : report.notes;
  printDataReport({ ...report, notes }, tokenizer, terminal);

  const { numbers } = report;
  if (!numbers || !found) return;
  const { trainedShare } = numbers;
  const steps = Math.ceil(numbers.rows * T / totalBatchSize);
  const rows = Math.max(1, Math.min(deviceBatchSize, Math.floor(totalBatchSize / T)));
  terminal.print("");
  const rate = await withDevice(options, io, (device) => {
    const shape = { ...found.shape, dtype: computeType(device, found.shape, options.dtype) };
    const { muon } = RECIPES[options.recipe];
    return measureRate(device, { shape, rows, T, trainedShare, muon }, io);
  });
  printCost({ steps, tokens: totalBatchSize, runSteps }, numbers, rate, terminal);
}

/** Finds what a run would begin with; where it would begin with nothing, what ships stands for it. */
async function findBeginning(
  options: InspectDataOptions,
  { baseDir }: RunIo,
  shipped: AsyncDisposableStack,
): Promise<Beginning> {
  const { source, modelTag } = options;
  const which = { ...options, tag: modelTag };
  if (!await needsShippedBase({ source, modelTag }, baseDir)) {
    try {
      const found = await findModel(baseDir, which);
      return { found, tokenizer: found.tokenizer };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const place = await placeShipped(shipped);
      const tokenizer = await Tokenizer.load(new DiskFolder(join(place, "tokenizer")));
      return {
        tokenizer,
        note: `Without a model: ${error.message}; tokens are those of the tokenizer that ships`,
      };
    }
  }
  const found = await findModel(await placeShipped(shipped), { source });
  return {
    found,
    tokenizer: found.tokenizer,
    note:
      `No base checkpoint in ${baseDir}: tokens and time are those of the tiny model that ships`,
  };
}

async function placeShipped(shipped: AsyncDisposableStack): Promise<string> {
  const directory = await Deno.makeTempDir();
  shipped.defer(() => Deno.remove(directory, { recursive: true }));
  await placeShippedBase(directory);
  return directory;
}
