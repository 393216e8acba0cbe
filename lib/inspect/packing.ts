/**
 * How a mixture packs into rows.
 *
 * @module
 */
import { join } from "@std/path";
import { DiskFolder, findCheckpoint, readMeta } from "../checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../checkpoint/mod.ts";
import { type PackingStats, packingStats } from "../dataloader/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";
import {
  inheritSettings,
  type MixtureOptions,
  openDataSource,
  type RunIo,
  trainingMixture,
  whereModelsAre,
} from "../training/mod.ts";

const format = (value: number) => value.toLocaleString("en-US");
const percent = (share: number) => `${(100 * share).toFixed(2)}%`;

/** Which mixture is packed, and into which rows. */
export interface PackingOptions extends MixtureOptions {
  /** Tokens in a row, T; those of the checkpoint unless given. */
  maxSeqLen: number | undefined;
  /** Which kind of checkpoint a run would begin with. */
  source: CheckpointSource;
  /** Its folder; undefined for the deepest model there. */
  modelTag: string | undefined;
  /** Its step; undefined for its last. */
  step: number | undefined;
}

/**
 * Packs the training mixture once and prints how well it fills the rows.
 *
 * @param options The mixture, the checkpoint and the length of rows.
 * @throws {UserError} when a dataset, the tokenizer or the checkpoint is missing, or a row is bad.
 */
export async function inspectPacking(options: PackingOptions, givenIo: RunIo): Promise<void> {
  const io = await whereModelsAre(givenIo);
  const { baseDir, terminal } = io;
  const T = options.maxSeqLen ?? await inheritedLength(options, baseDir);
  const tokenizer = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer")));
  const lines: string[] = [];
  const { train } = await trainingMixture(
    options,
    openDataSource(io),
    (line) => lines.push(line),
    io.signal,
  );
  // The last is of what is measured, which is not packed here.
  for (const line of lines.slice(0, -1)) terminal.print(line);
  const { length: total } = train;
  const progress = new Progress(terminal, { label: "Packing", total, unit: "conversations" });
  let done = 0;
  const stats = await packingStats(train, {
    T,
    bosId: tokenizer.bosId,
    tokenBytes: tokenizer.tokenBytes,
    render: (conversation, maxTokens) => {
      // The end of a pass is filled from the next one.
      progress.update(Math.min(++done, total));
      return tokenizer.renderConversation(conversation, maxTokens);
    },
    signal: io.signal,
  }).finally(() => progress.finish());
  printStats(stats, T, terminal);
}

/** The length of rows that a run inherits from its checkpoint. */
async function inheritedLength(options: PackingOptions, baseDir: string): Promise<number> {
  const { source, modelTag: tag, step } = options;
  const files = await findCheckpoint(baseDir, { source, tag, step });
  const { raw } = await readMeta(files.meta);
  return inheritSettings({}, raw, undefined, source).maxSeqLen;
}

function printStats(stats: PackingStats, T: number, terminal: Terminal): void {
  const { rows, tokens, conversations, paddingShare, trainedShare, cut, lostTokens } = stats;
  terminal.print(`Rows            ${format(rows)} of ${T} tokens, ${format(tokens)} tokens`);
  terminal.print(
    `Conversations   ${format(conversations)}, ${(conversations / rows).toFixed(1)} a row`,
  );
  terminal.print(`Cut to a row    ${format(cut)}, which lost ${format(lostTokens)} tokens`);
  terminal.print(`Left out        ${format(stats.leftOut)}, without trained text in a row`);
  terminal.print(`Padding         ${percent(paddingShare)}`);
  terminal.print(`Trained on      ${percent(trainedShare)}`);
}
