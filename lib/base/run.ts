/**
 * One pretraining run, from text files to a base checkpoint.
 *
 * @module
 */
import { join } from "@std/path";
import { DiskFolder } from "../checkpoint/disk/mod.ts";
import type { Device } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { GPT, initialParameters, type ModelConfig, Pass } from "../model/mod.ts";
import { parameterGroups } from "../optim/mod.ts";
import { NEWEST_PARTS } from "../model_parts.ts";
import { pause } from "../pause.ts";
import { agreeOn, SINGLE, together } from "../ranks/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { Progress } from "../tracking/mod.ts";
import {
  accumulationSteps,
  areWorthSaving,
  attempt,
  computeType,
  endedBy,
  evaluationSteps,
  freshOptimizer,
  isMultiple,
  openSinks,
  optimizerContents,
  overflowLine,
  planTraining,
  type RankContents,
  RunCheckpoints,
  type RunIo,
  type RunProgress,
  runTrainingLoop,
  spelled,
  START,
  stepTokensOf,
  validationBpb,
  withDevice,
} from "../training/mod.ts";
import { DocumentLoader, type DocumentLoaderOptions } from "./document_loader.ts";
import { readDocuments, type TokenizedDocuments, tokenizeDocuments } from "./documents.ts";
import type { BaseOptions } from "./options.ts";

/** What a run ended with. */
export interface BaseResult {
  /** Optimizer steps done. */
  step: number;
  /** Bits per byte on the held-out documents; undefined if the run was stopped. */
  valBpb: number | undefined;
  /** The folder of its checkpoints, such as `d4`. */
  tag: string;
  /** The step of its last checkpoint; undefined where there is none. */
  savedStep: number | undefined;
}

/**
 * Pretrains a model on the documents of text files with the tokenizer of the base directory: prints
 * what it does, measures it on held-out documents, and saves a checkpoint at the end, every
 * `saveEvery` steps, and when the signal aborts.
 *
 * @param files Text files, see {@link readDocuments}.
 * @throws {UserError} for whatever a person can mend.
 */
export async function runBase(
  files: readonly string[],
  options: BaseOptions,
  io: RunIo,
): Promise<BaseResult> {
  const tokenizer = await Tokenizer.load(new DiskFolder(join(io.baseDir, "tokenizer")));
  const { deviceBatchSize: rows } = options;
  // Refuses sizes that do not fit before anything is read.
  const sizes = { ...options, deviceBatchSize: rows === "auto" ? 1 : rows };
  accumulationSteps(sizes, io.ranks?.worldSize);
  return await withDevice(options, io, async (device) => {
    const config = baseConfig(options, tokenizer.vocabSize);
    const dtype = computeType(device, { config }, options.dtype);
    const { recompute, given } = options, rowsAsked = given.includes("deviceBatchSize");
    const planned = await planTraining(
      device,
      { config, parts: NEWEST_PARTS, dtype },
      options,
      { ...io, recompute, rowsAsked },
    );
    const documents = await together(io, () => tokenizeFiles(files, tokenizer, options, io));
    return await pretrain(device, tokenizer, documents, { ...planned, dtype }, io);
  });
}

async function tokenizeFiles(
  files: readonly string[],
  tokenizer: Tokenizer,
  { maxSeqLen, seed }: BaseOptions,
  { terminal, signal }: RunIo,
): Promise<TokenizedDocuments> {
  const progress = new Progress(terminal, { label: "Tokenizing", unit: "characters" });
  let characters = 0, texts = 0;
  const documents = await tokenizeDocuments(
    readDocuments(files, signal),
    tokenizer,
    maxSeqLen + 1,
    seed,
    (length) => {
      characters += length;
      texts++;
      progress.update(characters);
    },
    signal,
  );
  progress.finish();
  if (texts === 0) throw new UserError(`${files.join(", ")}: there is no text to train on`);
  if (texts === 1) {
    throw new UserError(
      `${files.join(", ")}: one document is too few: one is held out and one trained on; ` +
        "a plain file is one document, each line of a .jsonl file is one",
    );
  }
  terminal.info(
    `Documents: ${number(texts)} of ${number(characters)} characters, ${describeTokens(documents)}`,
  );
  return documents;
}

function describeTokens({ train, heldOut }: TokenizedDocuments): string {
  const tokens = (documents: Int32Array[]) => documents.reduce((sum, ids) => sum + ids.length, 0);
  return `${number(tokens(train))} tokens to train on and ${number(tokens(heldOut))} held out`;
}

/** The model's shape: depth · aspectRatio wide, rounded up to whole heads. */
export function baseConfig(options: BaseOptions, vocabSize: number): ModelConfig {
  const { depth, aspectRatio, headDim } = options;
  const nHead = Math.ceil(depth * aspectRatio / headDim);
  return {
    sequenceLen: options.maxSeqLen,
    vocabSize,
    nLayer: depth,
    nHead,
    nKvHead: nHead,
    nEmbd: nHead * headDim,
    windowPattern: options.windowPattern.toUpperCase(),
  };
}

/** Trains on documents that are tokenized already, on a device that is open. */
export async function pretrain(
  device: Device,
  tokenizer: Tokenizer,
  documents: TokenizedDocuments,
  options: BaseOptions<number>,
  io: RunIo,
): Promise<BaseResult> {
  const { terminal, baseDir, signal, ranks = SINGLE } = io, { rank, worldSize } = ranks;
  const { maxSeqLen: T, deviceBatchSize: B } = options;
  await agreeOn(ranks, "texts", describeTokens(documents));
  const tag = options.modelTag ?? `d${options.depth}`;
  const place = { baseDir, source: "base", tag, terminal, ranks } as const;
  await using checkpoints = await RunCheckpoints.open(place);
  const stepTokens = stepTokensOf(options, worldSize);
  const { dtype, recompute } = options, config = baseConfig(options, tokenizer.vocabSize);
  const model = new GPT(device, config, { training: true, dtype, stepTokens });
  const initial = initialParameters(model.config, options.seed);
  await together(io, () =>
    model.load(async (...slice) => {
      await pause(signal);
      return await initial(...slice);
    }));
  describe(model, terminal);
  const parameters = [...model.parameters.values()];
  const groups = parameterGroups(parameters, model.config.nEmbd, options, options.weightDecay);
  const optimizer = await freshOptimizer(model, groups, { reduceDtype: options.reduceDtype }, io);
  const pass = new Pass(model, B, T, { training: true, recompute });
  const loader = new DocumentLoader(documents.train, { B, T, rank, worldSize });
  const { given: _, ...flags } = options;
  const contents = (at: RunProgress): RankContents => ({
    step: at.step,
    modelConfig: model.config,
    stateDict: model.stateDict(options.saveDtype),
    ...optimizerContents(optimizer, at, options),
    meta: {
      val_bpb: null, // until it is measured
      user_config: spelled(flags), // its learning rates are what `sft` inherits
      device_batch_size: B,
      max_seq_len: T,
      total_batch_size: options.totalBatchSize,
      compute_dtype: model.dtype,
    },
  });
  await checkpoints.plan(options, contents(START), 0);
  const sinks = openSinks(checkpoints.directory, io, checkpoints.log);
  let valBpb: number | undefined;

  const validate = () => {
    const steps = evaluationSteps(options.evalTokens, pass, worldSize);
    const batches = heldOutBatches(documents.heldOut, { B, T, rank, worldSize });
    return validationBpb(pass, batches, steps, tokenizer.tokenBytes, io);
  };

  try {
    const { step } = await runTrainingLoop({
      pass,
      optimizer,
      accumulationSteps: accumulationSteps(options, worldSize),
      numIterations: options.numIterations,
      schedule: options,
      signal,
      stop: io.stop,
      ranks,
      now: io.now,
      nextBatch: () => {
        const batch = loader.next();
        return { ...batch, rows: batch.documents };
      },
      dataState: () => undefined,
      nameRows: (rows) => `documents ${rows.join(", ")} in the order of training`,
      onStep: (step, metrics) => sinks.log(step, metrics),
      onOverflow: (step, scale) => terminal.info(overflowLine(step, scale)),
      isDue: (step) => isMultiple(step, options.evalEvery) || checkpoints.isDue(step),
      rest: async (at, _, end) => {
        const { step } = at;
        // What was learned is safe before it is measured.
        if (step > 0 && await areWorthSaving(pass, step, end, io)) {
          await checkpoints.save(contents(at), end !== undefined);
        }
        valBpb = undefined;
        if (end === "stopped" || end === "failed") return;
        if (!end && !isMultiple(step, options.evalEvery)) return;
        const measured: Record<string, number> = {};
        await attempt("validation bpb", io, async () => {
          valBpb = measured.val_bpb = await validate();
          sinks.log(step, { "val/bpb": valBpb });
        });
        await checkpoints.measured(step, measured, () => contents(at));
      },
    });
    return { step, valBpb, tag, savedStep: checkpoints.last?.step };
  } catch (error) {
    throw error instanceof UserError ? endedBy(error, checkpoints.last) : error;
  } finally {
    await sinks.close();
  }
}

function* heldOutBatches(documents: Int32Array[], options: DocumentLoaderOptions) {
  const loader = new DocumentLoader(documents, options);
  for (;;) yield loader.next();
}

function describe(model: GPT, terminal: RunIo["terminal"]): void {
  const { config, counts } = model;
  terminal.info(
    `Model: ${config.nLayer} blocks, ${config.nEmbd} wide, ${config.nHead} heads, ` +
      `${config.vocabSize} tokens; ${number(counts.total)} parameters, ` +
      `${number(counts.transformerMatrices)} of them in the blocks' matrices`,
  );
}

function number(n: number): string {
  return n.toLocaleString("en-US");
}
