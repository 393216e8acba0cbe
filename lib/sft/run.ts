/**
 * One fine-tuning run, from a base checkpoint to a fine-tuned one.
 *
 * @module
 */
import { join } from "@std/path";
import { addToMeta, checkpointDirectory } from "../checkpoint/mod.ts";
import { PackedLoader } from "../dataloader/mod.ts";
import type { Device } from "../device/mod.ts";
import { Pass } from "../model/mod.ts";
import { widthScale } from "../optim/mod.ts";
import { ConsoleSink, JsonlSink, SinkGroup } from "../tracking/mod.ts";
import {
  accumulationSteps,
  ChatcoreRun,
  type InheritedSettings,
  inheritSettings,
  isMultiple,
  openDataSource,
  openModel,
  openOptimizer,
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
import { demoOptions, needsDemo, placeDemo } from "./demo.ts";
import type { SftOptions } from "./options.ts";
import { type Portrait, printPortraits, Showcase } from "./showcase.ts";

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

/** Fine-tunes on an open device; a showcase is shown before and after. */
async function fineTune(
  device: Device,
  options: SftOptions,
  io: RunIo,
  showcase?: Showcase,
): Promise<SftResult> {
  const { terminal, baseDir } = io;
  const opened = await openModel(device, baseDir, {
    source: options.resume ? "sft" : "base",
    tag: options.modelTag,
    step: options.modelStep,
    training: true,
  });
  const { model, tokenizer, meta, files } = opened;
  terminal.info(`${options.resume ? "Resuming" : "Base checkpoint:"} ${files.model}`);
  const saved = options.resume ? savedRun(meta, files.meta) : undefined;
  const { settings, notes } = inheritSettings(options, meta.raw);
  notes.forEach((note) => terminal.info(note));
  const accumulation = accumulationSteps(settings);
  describeBatches(settings, accumulation, model.config.nEmbd, io);

  const source = openDataSource(io);
  const { train, validation, notes: mixtureNotes } = await trainingMixture(options, source);
  mixtureNotes.forEach((note) => terminal.info(note));
  await using chatcore = options.chatcoreEvery > 0
    ? await ChatcoreRun.open(source, options, io)
    : undefined;
  const { maxSeqLen: T, deviceBatchSize: B } = settings;
  const packing = {
    render: tokenizer.renderConversation.bind(tokenizer),
    bosId: tokenizer.bosId,
  };
  const loader = new PackedLoader(train, { ...packing, B, T, state: saved?.loader });

  const optimizer = await openOptimizer(
    opened,
    { ...settings, initLrFrac: options.initLrFrac },
    options.loadOptimizer || options.resume,
    terminal,
  );
  const pass = new Pass(model, B, T, { training: true });

  const directory = checkpointDirectory(baseDir, "sft", files.tag);
  const sinks = new SinkGroup([
    new ConsoleSink(terminal),
    JsonlSink.open(join(directory, "metrics.jsonl"), { resumeStep: saved?.at.step }),
  ]);
  const { evalTokens } = options, { tokenBytes } = tokenizer;
  const validating = {
    pass,
    dataset: validation,
    loader: packing,
    evalTokens,
    tokenBytes,
    terminal,
  };
  const measurements = new RunMeasurements(opened, options, validating, chatcore, sinks);
  const { metrics, bpbs } = measurements;
  const cut = { conversations: 0, tokens: 0 };
  const save = async (at: RunProgress) => {
    const contents = { model, optimizer, options, settings, at, loader: loader.state, metrics };
    const written = await saveRun(baseDir, files.tag, contents);
    terminal.print(`Saved ${written.model}`);
    return written;
  };

  try {
    const before = await showcase?.portray(opened);
    const at = await runTrainingLoop({
      pass,
      optimizer,
      accumulationSteps: accumulation,
      numIterations: options.numIterations,
      schedule: options,
      signal: io.signal,
      now: io.now,
      nextBatch: () => {
        const batch = loader.next();
        cut.conversations += batch.cut;
        cut.tokens += batch.lostTokens;
        return batch;
      },
      onStep: (step, numbers) => sinks.log(step, numbers),
      isDue: (step) => measurements.isDue(step) || isMultiple(step, options.saveEvery),
      pause: async (at, last) => {
        // What was learned is safe before anything is measured.
        const isSaved = at.step > (saved?.at.step ?? 0) &&
          (last || isMultiple(at.step, options.saveEvery));
        const written = isSaved ? await save(at) : undefined;
        if (io.signal.aborted) return;
        await measurements.measure(at.step, last);
        if (written) await addToMeta(written, metrics);
      },
    }, saved?.at ?? START);
    reportCuts(cut, T, io);
    const after = before && !io.signal.aborted ? await showcase?.portray(opened) : undefined;
    if (before && after) {
      const [first, last] = [bpbs[0], bpbs.at(-1)!];
      printPortraits(withBpb(before, first), withBpb(after, last), terminal);
    }
    return { directory, at, metrics, isDemo: false };
  } finally {
    await sinks.close();
  }
}

function withBpb({ numbers, answers }: Portrait, bpb: number): Portrait {
  return { numbers: { "Validation bpb": bpb, ...numbers }, answers };
}

function describeBatches(
  settings: InheritedSettings,
  accumulation: number,
  nEmbd: number,
  { terminal }: RunIo,
): void {
  const { maxSeqLen: T, deviceBatchSize: B, totalBatchSize } = settings;
  const number = (n: number) => n.toLocaleString("en-US");
  terminal.info(`Tokens / micro-batch / rank: ${B} x ${T} = ${number(B * T)}`);
  terminal.info(
    `Total batch size ${number(totalBatchSize)} => gradient accumulation steps: ${accumulation}`,
  );
  terminal.info(
    `Scaling the LR for the AdamW parameters ∝1/√(${nEmbd}/768) = ${widthScale(nEmbd).toFixed(6)}`,
  );
}

function reportCuts(
  cut: { conversations: number; tokens: number },
  T: number,
  { terminal }: RunIo,
): void {
  if (cut.conversations === 0) return;
  terminal.warn(
    `${cut.conversations} conversations were longer than a row of ${T} tokens and were cut, ` +
      `which lost ${cut.tokens} tokens; longer rows keep them`,
  );
}
