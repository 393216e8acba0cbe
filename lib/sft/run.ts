/**
 * One fine-tuning run, from a base checkpoint to a fine-tuned one.
 *
 * @module
 */
import { addToMeta, checkpointDirectory, type CheckpointFiles } from "../checkpoint/disk/mod.ts";
import { PackedLoader } from "../dataloader/mod.ts";
import type { Device } from "../device/mod.ts";
import { Pass } from "../model/mod.ts";
import {
  accumulationSteps,
  ChatcoreRun,
  checkMixtures,
  inheritSettings,
  isMultiple,
  openDataSource,
  openModel,
  openOptimizer,
  openSinks,
  type RunIo,
  RunMeasurements,
  type RunProgress,
  runTrainingLoop,
  savedRun,
  saveRun,
  START,
  trainingMixture,
  whereModelsAre,
  withDevice,
} from "../training/mod.ts";
import { describeBatches } from "./batches.ts";
import { demoOptions, needsDemo, placeDemo } from "./demo.ts";
import type { SftOptions } from "./options.ts";
import { printPortraits, Showcase } from "./showcase.ts";

/** What a run ended with. */
export interface SftResult {
  /** Where the checkpoint lies. */
  directory: string;
  /** Where the run stopped. */
  at: RunProgress;
  /** The last measurements. */
  metrics: Record<string, number>;
  /** Whether it was the model that ships, for want of another. */
  isDemo: boolean;
}

/**
 * Fine-tunes a base model: prints what it does, measures it on the way, and saves a checkpoint at
 * the end, every `saveEvery` steps, and when the signal aborts.
 *
 * @throws {UserError} for whatever a person can mend; nothing is half-written.
 */
export async function runSft(options: SftOptions, io: RunIo): Promise<SftResult> {
  const isDemo = await needsDemo(options, io.baseDir);
  return await withDevice(options, io, async (device) => {
    if (isDemo) return await demonstrate(device, options, io);
    return await fineTune(device, options, options.resume ? await whereModelsAre(io) : io);
  });
}

/** Fine-tunes the model that ships with the package, and shows it before and after. */
async function demonstrate(device: Device, options: SftOptions, io: RunIo): Promise<SftResult> {
  io.terminal.info(
    `No base checkpoint in ${io.baseDir}, and no model asked for: ` +
      "fine-tuning the tiny model that ships with this package, on samples of every task",
  );
  const demo = { ...io, baseDir: await placeDemo(io.baseDir) };
  const ownOptions = demoOptions(options);
  await using showcase = await Showcase.open(openDataSource(demo), ownOptions, demo);
  return { ...await fineTune(device, ownOptions, demo, showcase), isDemo: true };
}

/**
 * Fine-tunes on an open device, in nanochat's order: the model, the mixture packed into rows, the
 * optimizer, then steps with measurements and checkpoints in between. A showcase is shown before
 * and after.
 */
async function fineTune(
  device: Device,
  options: SftOptions,
  io: RunIo,
  showcase?: Showcase,
): Promise<SftResult> {
  const { terminal, baseDir, signal, now } = io;
  const { resume, modelTag: tag, modelStep: step, numIterations } = options;
  const source = resume ? "sft" : "base";
  const opened = await openModel(device, baseDir, { source, tag, step, training: true });
  const { model, tokenizer, meta, files } = opened;
  terminal.info(`${resume ? "Resuming" : "Base checkpoint:"} ${files.model}`);
  const saved = resume ? savedRun(meta, files.meta) : undefined;
  const settings = inheritSettings(options, meta.raw, (note) => terminal.info(note));
  const { maxSeqLen: T, deviceBatchSize: B } = settings;
  const steps = accumulationSteps(settings);
  describeBatches(settings, steps, model.config.nEmbd, terminal);

  const datasets = openDataSource(io);
  const mixtures = await trainingMixture(options, datasets, (note) => terminal.info(note));
  const checked = await checkMixtures(mixtures, { tokenizer, T }, io);
  await using chatcore = options.chatcoreEvery > 0
    ? await ChatcoreRun.open(datasets, options, io)
    : undefined;
  const render = tokenizer.renderConversation.bind(tokenizer);
  const packing = { render, bosId: tokenizer.bosId };
  const { checksum } = checked.train;
  const resumed = { checksum, state: saved?.loader };
  const loader = new PackedLoader(mixtures.train, { ...packing, B, T, ...resumed });

  const rates = { ...settings, initLrFrac: options.initLrFrac };
  const optimizer = await openOptimizer(opened, rates, options.loadOptimizer || resume, terminal);
  const pass = new Pass(model, B, T, { training: true });

  const directory = checkpointDirectory(baseDir, "sft", files.tag);
  const sinks = openSinks(directory, terminal, saved?.at.step);
  const { evalTokens } = options, { tokenBytes } = tokenizer;
  const dataset = mixtures.validation;
  const validation = checked.validation &&
    { pass, dataset, loader: packing, evalTokens, tokenBytes, terminal };
  const measurements = new RunMeasurements(opened, options, validation, chatcore, sinks);
  const { metrics, bpbs } = measurements;

  try {
    const before = await showcase?.portray(opened);
    const at = await runTrainingLoop({
      pass,
      optimizer,
      accumulationSteps: steps,
      numIterations,
      schedule: options,
      signal,
      now,
      nextBatch: () => loader.next(),
      onStep: (step, numbers) => sinks.log(step, numbers),
      isDue: (step) => measurements.isDue(step) || isMultiple(step, options.saveEvery),
      pause: async (at, last) => {
        // What was learned is safe before anything is measured.
        let written: CheckpointFiles | undefined;
        if (at.step > (saved?.at.step ?? 0) && (last || isMultiple(at.step, options.saveEvery))) {
          const run = { model, optimizer, options, settings, at, loader: loader.state, metrics };
          written = await saveRun(baseDir, files.tag, run);
          terminal.print(`Saved ${written.model}`);
        }
        if (signal.aborted) return;
        await measurements.measure(at.step, last);
        if (written) await addToMeta(written, metrics);
      },
    }, saved?.at ?? START);
    const after = before && !signal.aborted ? await showcase?.portray(opened) : undefined;
    if (before && after) printPortraits(before, after, bpbs, terminal);
    return { directory, at, metrics, isDemo: false };
  } finally {
    await sinks.close();
  }
}
