/**
 * One fine-tuning run, from a checkpoint, usually a base one, to a fine-tuned one.
 *
 * @module
 */
import {
  type CheckpointFiles,
  decidingBpb,
  fileNames,
  readMeta,
  runIdentity,
  runsIn,
} from "../checkpoint/disk/mod.ts";
import type { CheckpointMeta } from "../checkpoint/mod.ts";
import { dealt, PackedLoader, type PackedLoaderState } from "../dataloader/mod.ts";
import type { Hardware } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { Pass } from "../model/mod.ts";
import { agreeOn, SINGLE, together } from "../ranks/mod.ts";
import {
  accumulationSteps,
  areWorthSaving,
  attempt,
  ChatcoreRun,
  checkDataOnly,
  type CheckedMixtures,
  checkMixtures,
  dataLines,
  endedBy,
  gatherLoaders,
  loadWeights,
  openDataSource,
  openOptimizer,
  openSinks,
  optimizerContents,
  overflowLine,
  RECIPES,
  RunCheckpoints,
  runContents,
  type RunIo,
  RunMeasurements,
  type RunProgress,
  runTrainingLoop,
  type SavedRun,
  savedRun,
  START,
  trainingMixture,
  warnOfUnsaved,
  whereModelsAre,
  withDevice,
} from "../training/mod.ts";
import { describeBatches } from "./batches.ts";
import { findBeginning, openBeginning } from "./beginning.ts";
import { demoOptions, needsDemo, placeDemo } from "./demo.ts";
import type { SftOptions } from "./options.ts";
import { withOwnRecipe } from "./own_recipe.ts";
import { OwnReport } from "./own_report.ts";
import { finished, hasEnded, resumedOptions, standing, withAbsolutePaths } from "./resume.ts";
import { type Portrait, printPortraits, Showcase } from "./showcase.ts";

/** What a run ended with. */
export interface SftResult {
  /** Where the checkpoint lies. */
  directory: string;
  /** Name of that folder, such as `d12`. */
  tag: string;
  /** Where the run stopped. */
  at: RunProgress;
  /** The step of its last checkpoint; undefined where there is none yet. */
  savedStep: number | undefined;
  /** The last measurements. */
  metrics: Record<string, number>;
  /** Whether it was the model that ships, for want of another. */
  isDemo: boolean;
  /** Whether the run that was to go on had ended already. */
  wasFinished?: boolean;
  /** Whether it ended because it was not getting better. */
  isOutOfPatience?: boolean;
}

/**
 * Fine-tunes a model: prints what it does, measures it on the way, and saves a checkpoint at
 * the end, every `saveEvery` steps, and when the signal aborts.
 *
 * @throws {UserError} for whatever a person can mend; nothing is half-written.
 */
export async function runSft(options: SftOptions, io: RunIo): Promise<SftResult> {
  if (options.resume) return await resume(options, await whereModelsAre(io), io);
  checkDataOnly(options);
  // A rank that lacks the model which others have says so.
  const isDemo = !await (io.ranks ?? SINGLE).any(!await needsDemo(options, io.baseDir));
  return await withDevice(options, io, async (device) => {
    if (isDemo) return await demonstrate(device, options, io);
    return await fineTune(device, options, io, {});
  });
}

/**
 * Goes on with the newest run.
 *
 * @param deviceIo With the base directory itself, where models are in a folder of it.
 */
async function resume(given: SftOptions, io: RunIo, deviceIo: RunIo): Promise<SftResult> {
  const { terminal } = io;
  const { modelTag: tag, modelStep: step } = given;
  const files = await findBeginning({ source: "sft", tag, step }, io);
  const meta = await readMeta(files.meta);
  const saved = savedRun(meta, files.meta);
  const options = resumedOptions(given, meta, files.meta, (line) => terminal.info(line));
  saved.at = standing(saved, options, terminal);
  const { directory } = files, { at } = saved;
  if (hasEnded(meta, at, options)) {
    warnOfUnsaved(
      directory,
      await runsIn(directory, await fileNames(directory)),
      at.step,
      terminal,
    );
    terminal.print(finished(directory, at, meta));
    return {
      directory,
      tag: files.tag,
      at,
      savedStep: at.step,
      metrics: {},
      isDemo: false,
      wasFinished: true,
      isOutOfPatience: runIdentity(meta.raw)?.ended?.patience !== undefined,
    };
  }
  return await withDevice(options, deviceIo, async (device) => {
    const result = await fineTune(device, options, io, { resumed: { files, meta, saved } });
    // It may have lacked its last measurement only.
    const wasFinished = at.progress >= 1;
    if (wasFinished && !io.signal.aborted) terminal.print(finished(directory, at, meta));
    return { ...result, wasFinished };
  });
}

/** Fine-tunes the model that ships with the package, and shows it before and after. */
async function demonstrate(device: Hardware, options: SftOptions, io: RunIo): Promise<SftResult> {
  const { ranks = SINGLE } = io;
  io.terminal.info(
    `No base checkpoint in ${io.baseDir}, and no model asked for: ` +
      "fine-tuning the tiny model that ships with this package" +
      (options.dataOnly ? "" : ", on samples of every task"),
  );
  // One of each machine places it; the others find it there.
  await together(io, () => ranks.localRank === 0 ? placeDemo(io.baseDir) : undefined);
  const demo = { ...io, baseDir: await placeDemo(io.baseDir) };
  const ownOptions = demoOptions(options);
  await using showcase = options.dataOnly
    ? undefined
    : await Showcase.open(openDataSource(demo), ownOptions, demo);
  return { ...await fineTune(device, ownOptions, demo, { showcase }), isDemo: true };
}

/** What a run begins with beside its options. */
interface Beginning {
  /** The checkpoint it goes on from. */
  resumed?: { files: CheckpointFiles; meta: CheckpointMeta; saved: SavedRun };
  /** Shown before and after. */
  showcase?: Showcase;
}

/** What a run draws, for a person to compare. */
function nameOf({ train, validation, own }: CheckedMixtures): string {
  const [trained, measured, ownOnes] = [train, validation, own].map((check) => (
    `${check?.conversations ?? 0} (${check?.checksum.slice(0, 8) ?? "none"})`
  ));
  const besides = own && own !== validation ? ` and ${ownOnes} own ones` : "";
  return `${trained} conversations to train on and ${measured}${besides} to measure on`;
}

/**
 * Fine-tunes on an open device: opens the model and its optimizer, the mixture packed into rows and
 * what it is measured with, all before the first step, then takes steps with measurements and
 * checkpoints in between.
 */
async function fineTune(
  device: Hardware,
  given: SftOptions,
  io: RunIo,
  { resumed, showcase }: Beginning,
): Promise<SftResult> {
  const { terminal, baseDir, signal, stop, now, ranks = SINGLE } = io;
  const { rank, worldSize } = ranks;
  const { modelTag, modelStep } = given;
  const source = resumed ? "sft" : given.source;
  const start = resumed?.saved.at ?? START;
  const files = resumed?.files ??
    await findBeginning({ source, tag: modelTag, step: modelStep }, io);
  const { tag, step } = files;
  const resume = resumed !== undefined;
  const place = { baseDir, source: "sft", tag, resume, step, terminal, ranks } as const;
  await using checkpoints = await RunCheckpoints.open(place);
  const datasets = openDataSource(io);
  const note = (line: string) => terminal.info(line);
  const mix = () => together(io, () => trainingMixture(given, datasets, note, signal));
  // How own conversations alone are trained on depends on how many there are.
  const own = given.dataOnly ? await mix() : undefined;
  const options = own && !resumed
    ? await together(io, () => withOwnRecipe(given, own, files, io))
    : given;
  const { numIterations, chatcoreEvery } = options;
  const which = { source, tag, step };
  const { opened, settings } = await openBeginning(device, which, resume, options, io);
  const { model, tokenizer, meta } = opened;
  const { maxSeqLen: T, deviceBatchSize: B } = settings;
  const steps = accumulationSteps(settings, worldSize);
  describeBatches(settings, { steps, worldSize, nEmbd: model.config.nEmbd }, terminal);

  const rates = { ...settings, initLrFrac: options.initLrFrac };
  const { muon } = RECIPES[options.recipe];
  const { loadOptimizer: isWarm, reduceDtype } = options;
  const warmth = { isWarm, isResumed: resume, muon, reduceDtype };
  const optimizer = await openOptimizer(opened, rates, warmth, io);
  const separator = options.isolate ? tokenizer.bosId : undefined;
  const { recompute } = options;
  const pass = new Pass(model, B, T, { training: true, recompute, separator });
  const sizes = {
    stateDict: model.stateDict(),
    ...optimizerContents(optimizer, START, options),
  };
  await checkpoints.plan(options, sizes, start.step);

  const mixtures = own ?? await mix();
  const checked = await together(io, () => checkMixtures(mixtures, { tokenizer, T }, io));
  if (checked.ownTrain) dataLines(checked.ownTrain).forEach(note);
  await agreeOn(ranks, "data", nameOf(checked));
  await using chatcore = chatcoreEvery > 0
    ? await ChatcoreRun.open(datasets, options, io)
    : undefined;
  const render = tokenizer.renderConversation.bind(tokenizer);
  const { bosId, tokenBytes } = tokenizer;
  const packing = { render, bosId, tokenBytes };
  const { checksum } = checked;
  const state = resumed && dealt(resumed.saved.loaders, worldSize)[rank];
  const share = { rank, worldSize, checksum, state };
  const loader = new PackedLoader(mixtures.train, { ...packing, B, T, ...share });

  await chatcore?.tryOut(opened);

  const { directory } = checkpoints;
  const sinks = openSinks(directory, io, checkpoints.log);
  const { evalTokens } = options;
  const measuring = { pass, loader: packing, evalTokens, tokenBytes, io };
  const validation = checked.validation && { ...measuring, dataset: mixtures.validation };
  const beside = !options.dataOnly && checked.own && mixtures.own;
  const ownValidation = beside ? { ...measuring, dataset: beside } : undefined;
  const measured = { validation, own: ownValidation, chatcore };
  const measurements = new RunMeasurements(opened, options, measured, sinks, io);
  const { metrics, validations } = measurements;
  const run = { model, optimizer, options: withAbsolutePaths(options), settings };
  const names = [
    ...validation ? ["val_bpb"] : [],
    ...ownValidation ? ["val_own_bpb"] : [],
    ...chatcore ? ["chatcore_metric"] : [],
  ];
  // What a run goes on from may have been measured before it was stopped: that counts once.
  const isKnown = (step: number, name: string) =>
    resume && step === start.step && typeof meta.raw[name] === "number";
  const contents = (at: RunProgress, loaders: PackedLoaderState[]) =>
    runContents({ ...run, at, loaders });
  const portray = async () => {
    let portrait: Portrait | undefined;
    await attempt("the demonstration", io, async () => {
      portrait = await showcase?.portray(opened);
    });
    return portrait;
  };

  const report = options.dataOnly && !resumed && worldSize === 1
    ? new OwnReport(mixtures, opened, io)
    : undefined;
  const isOver = () => options.patience > 0 && checkpoints.waited >= options.patience;
  /** Whether the last measurement was broken off: it is taken, and counts, when the run goes on. */
  let isCut = false;

  try {
    const before = await portray();
    await report?.begin();
    const at = await runTrainingLoop({
      pass,
      optimizer,
      accumulationSteps: steps,
      numIterations,
      schedule: options,
      signal,
      stop,
      ranks,
      now,
      nextBatch: () => {
        const batch = loader.next();
        return { ...batch, rows: batch.conversations };
      },
      dataState: () => loader.state,
      // Those of several epochs are one.
      nameRows: (rows) => [...new Set(rows.map((row) => mixtures.train.where(row)))].join("; "),
      onStep: (step, numbers) => sinks.log(step, numbers),
      onOverflow: (step, scale) => terminal.info(overflowLine(step, scale)),
      isDue: (step) => measurements.isDue(step) || checkpoints.isDue(step),
      rest: async (at, loader, end) => {
        const loaders = await gatherLoaders(ranks, loader);
        // What was learned is safe before anything is measured.
        if (at.step > start.step && await areWorthSaving(pass, at.step, end, io)) {
          await checkpoints.save(contents(at, loaders), end !== undefined);
        }
        if (end === "stopped" || end === "failed") return;
        if (names.every((name) => isKnown(at.step, name))) return;
        const measured = await measurements.measure(at.step, end === "finished");
        isCut = end === "finished" && decidingBpb(measured) === undefined &&
          await ranks.any(signal.aborted);
        const fresh = Object.entries(measured).filter(([name]) => !isKnown(at.step, name));
        await checkpoints.measured(at.step, Object.fromEntries(fresh), () => contents(at, loaders));
      },
      isOver,
    }, start);
    const isOutOfPatience = isOver();
    let shownStep = at.step;
    if (isOutOfPatience) {
      const { waited } = checkpoints, often = waited === 1 ? "" : ` ${waited} times in a row`;
      const what = ownValidation ? "Own validation" : "Validation";
      terminal.print(`${what} bpb was not lower${often}: the run ends with step ${at.step}`);
    }
    if ((isOutOfPatience || at.progress >= 1) && !isCut) {
      await checkpoints.keepBest(at.step);
      const { last } = checkpoints, { unbeaten } = measurements;
      if (last && worldSize === 1) shownStep = last.step;
      if (options.patience > 0 && unbeaten !== undefined) {
        terminal.warn(
          `no step is better than the model that the run began with, which has ` +
            `${unbeaten.toFixed(4)} bits per byte`,
        );
      }
      // What is shown is the model that is kept.
      if (last && shownStep !== at.step && (report || before)) await loadWeights(model, last);
      await report?.end(measurements);
    }
    const after = before && await portray();
    if (before && after) {
      const shown = validations.filter(({ step }) => step <= shownStep);
      const bpbs = shown.flatMap(({ val_bpb }) => val_bpb ?? []);
      printPortraits(before, after, bpbs, terminal);
    }
    const savedStep = checkpoints.last?.step;
    return { directory, tag, at, savedStep, metrics, isDemo: false, isOutOfPatience };
  } catch (error) {
    throw error instanceof UserError ? endedBy(error, checkpoints.last) : error;
  } finally {
    await sinks.close();
  }
}
