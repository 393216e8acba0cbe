/**
 * Looking at what a run works with: a checkpoint, a conversation's tokens, how a mixture packs.
 *
 * @module
 */
import { join } from "@std/path";
import { findCheckpoint, readMeta, readStateDict, TorchFile } from "../checkpoint/mod.ts";
import { packingStats } from "../dataloader/mod.ts";
import { UserError } from "../errors.ts";
import {
  countParameters,
  flopsPerToken,
  paddedVocabSize,
  parameterSpecs,
  windowSizes,
} from "../model/mod.ts";
import { CustomJSON, openFile } from "../tasks/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";
import { openDataSource } from "./data_source.ts";
import { whereModelsAre } from "./demo.ts";
import type { RunIo } from "./io.ts";
import { trainingMixture } from "./mixture.ts";
import type { SftOptions } from "./options.ts";
import { inheritSettings } from "./settings.ts";
import { snakeCase } from "./spelling.ts";
import { checkModelOptions, type ModelOptions } from "./with_model.ts";

const format = (value: number) => value.toLocaleString("en-US");
const percent = (share: number) => `${(100 * share).toFixed(2)}%`;

/**
 * Prints a checkpoint's configuration, parameter counts and tensors. No tensor is read.
 *
 * @throws {UserError} when the checkpoint is missing or damaged.
 */
export async function inspectCheckpoint(
  options: ModelOptions,
  io: RunIo,
): Promise<void> {
  checkModelOptions(options);
  const { source, modelTag: tag, step } = options;
  const { baseDir, terminal } = await whereModelsAre(io);
  const files = await findCheckpoint(baseDir, { source, tag, step });
  const { modelConfig: config, raw } = await readMeta(files.meta);
  using file = await TorchFile.open(files.model);
  const { tensors, parts } = readStateDict(file, config);
  const counts = countParameters(parameterSpecs(config, parts));
  const { model_config, user_config, ...rest } = raw as Record<string, Record<string, unknown>>;

  terminal.print(`Model        ${files.model}`);
  terminal.print(`Optimizer    ${[...files.optimizers.values()].join(", ") || "not saved"}`);
  terminal.print(
    `Config       ${fields({ ...model_config, padded_vocab_size: paddedVocabSize(config) })}`,
  );
  terminal.print(`Windows      ${windowSizes(config).join(", ")}`);
  terminal.print(`Trained with ${fields({ ...user_config })}`);
  terminal.print(`Notes        ${fields(rest)}`);
  terminal.print("Parameters");
  for (const [name, count] of Object.entries(counts)) {
    terminal.print(`  ${snakeCase(name).padEnd(22)} ${format(count).padStart(16)}`);
  }
  const flops = flopsPerToken(config, counts.transformerMatrices + counts.lmHead);
  terminal.print(`FLOPs per training token  ${flops.toExponential(3)}`);
  terminal.print("Tensors");
  for (const [name, { shape, dtype }] of tensors) {
    terminal.print(`  ${name.padEnd(38)} ${`(${shape.join(", ")})`.padEnd(14)} ${dtype}`);
  }
}

/** Plain values of a meta file as `name=value`, whatever is nested left out. */
function fields(values: Record<string, unknown>): string {
  const plain = Object.entries(values).filter(([, value]) => typeof value !== "object");
  return plain.map(([name, value]) => `${name}=${value}`).join(" ") || "nothing";
}

/**
 * Prints a conversation's tokens, green where they are trained on.
 *
 * @param place A file of conversations, one a line, and after a colon which of them, from 1; the
 * first unless given.
 * @throws {UserError} when there is no such conversation.
 */
export async function inspectConversation(
  place: string,
  io: RunIo,
): Promise<void> {
  const [, path, number = "1"] = /^(.+?)(?::(\d+))?$/s.exec(place)!;
  const { baseDir, terminal } = await whereModelsAre(io);
  const tokenizer = await Tokenizer.load(join(baseDir, "tokenizer"));
  const conversations = await CustomJSON.load(await openFile(path), path);
  const index = Number(number) - 1;
  if (!(index >= 0 && index < conversations.length)) {
    throw new UserError(
      `${path} has no conversation ${number}; it has ${conversations.length}, counted from 1`,
    );
  }
  const rendered = tokenizer.renderConversation(conversations.get(index));
  terminal.print(tokenizer.visualizeTokenization(rendered, { color: terminal.colors }));
  const trained = rendered.mask.filter((trained) => trained === 1).length;
  terminal.print(`${rendered.ids.length} tokens, of which ${trained} are trained on`);
}

/**
 * Packs the training mixture once and prints how well it fills the rows.
 *
 * @param options A run's flags for the mixture, the base checkpoint and the length of rows.
 * @throws {UserError} when a dataset, the tokenizer or the checkpoint is missing.
 */
export async function inspectPacking(options: SftOptions, givenIo: RunIo): Promise<void> {
  const io = await whereModelsAre(givenIo);
  const { baseDir, terminal } = io;
  const T = options.maxSeqLen ?? await inheritedLength(options, baseDir);
  const tokenizer = await Tokenizer.load(join(baseDir, "tokenizer"));
  const { train, notes: [note] } = await trainingMixture(options, openDataSource(io));
  terminal.print(note);
  const { length: total } = train;
  const progress = new Progress(terminal, { label: "Packing", total, unit: "conversations" });
  let done = 0;
  const stats = packingStats(train, {
    T,
    bosId: tokenizer.bosId,
    render: (conversation) => {
      progress.update(++done);
      return tokenizer.renderConversation(conversation);
    },
  });
  progress.finish();
  printStats(stats, T, terminal);
}

/** The length of rows that a run inherits from its base checkpoint. */
async function inheritedLength(options: SftOptions, baseDir: string): Promise<number> {
  const { modelTag: tag, modelStep: step } = options;
  const files = await findCheckpoint(baseDir, { source: "base", tag, step });
  const { raw } = await readMeta(files.meta);
  return inheritSettings(options, raw).settings.maxSeqLen;
}

function printStats(stats: ReturnType<typeof packingStats>, T: number, terminal: Terminal): void {
  const { rows, tokens, conversations, paddingShare, trainedShare, cut, lostTokens } = stats;
  terminal.print(`Rows            ${format(rows)} of ${T} tokens, ${format(tokens)} tokens`);
  terminal.print(
    `Conversations   ${format(conversations)}, ${(conversations / rows).toFixed(1)} a row`,
  );
  terminal.print(`Cut to a row    ${format(cut)}, which lost ${format(lostTokens)} tokens`);
  terminal.print(`Padding         ${percent(paddingShare)}`);
  terminal.print(`Trained on      ${percent(trainedShare)}`);
}
