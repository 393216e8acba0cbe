/**
 * One fine-tuning run, from a base checkpoint to a fine-tuned one.
 *
 * @module
 */
import { join } from "@std/path";
import { addToMeta, checkpointDirectory, TorchFile } from "../checkpoint/mod.ts";
import { PackedLoader } from "../dataloader/mod.ts";
import { type Device, openDevice } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { Pass } from "../model/mod.ts";
import { loadOptimizerState, Optimizer, parameterGroups, widthScale } from "../optim/mod.ts";
import { ConsoleSink, JsonlSink, SinkGroup } from "../tracking/mod.ts";
import { ChatcoreRun } from "./chatcore_run.ts";
import { openDataSource } from "./data_source.ts";
import { demoOptions, needsDemo, placeDemo, whereModelsAre } from "./demo.ts";
import { validate } from "./evaluation.ts";
import type { RunIo } from "./io.ts";
import { trainingMixture } from "./mixture.ts";
import { type OpenedModel, openModel } from "./open_model.ts";
import type { SftOptions } from "./options.ts";
import { savedRun, saveRun } from "./save.ts";
import { accumulationSteps, type InheritedSettings, inheritSettings } from "./settings.ts";
import { type Portrait, printPortraits, Showcase } from "./showcase.ts";
import { type RunProgress, runTrainingLoop, START } from "./training_loop.ts";

/** What a run ended with. */
export interface SftResult {
  /** Where the checkpoint lies. */
  directory: string;
  /** Where the run stopped. */
  at: RunProgress;
  /** The last measurements. */
  metrics: Record<string, number>;
}

/**
 * Fine-tunes a base model: prints what it does, measures it on the way, and saves a checkpoint at
 * the end, every `saveEvery` steps, and when the signal aborts.
 *
 * @throws {UserError} for whatever a person can mend; nothing is half-written.
 */
export async function runSft(options: SftOptions, io: RunIo): Promise<SftResult> {
  const isDemo = await needsDemo(options, io.baseDir);
  const { device, reason } = await openDevice(options);
  io.terminal.info(`Device: ${device.kind}, ${device.name} (${reason})`);
  try {
    if (!isDemo) {
      return await fineTune(device, options, options.resume ? await whereModelsAre(io) : io);
    }
    io.terminal.info(
      `No base checkpoint in ${io.baseDir}, and no --model-tag: ` +
        "fine-tuning the tiny model that ships with this package, on samples of every task",
    );
    const demo = { ...io, baseDir: await placeDemo(io.baseDir) };
    const ownOptions = demoOptions(options);
    await using showcase = await Showcase.open(openDataSource(demo), ownOptions, demo);
    const result = await fineTune(device, ownOptions, demo, showcase);
    io.terminal.print("");
    io.terminal.print(
      'Next: add "chat" to the command to talk with it, or --data FILE.jsonl to teach it your own ' +
        "conversations; with nanochat's base models, --model-tag names the one to fine-tune",
    );
    return result;
  } finally {
    await device.close();
  }
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

  const optimizer = new Optimizer(
    device,
    parameterGroups([...model.parameters.values()], model.config.nEmbd, {
      ...settings,
      initLrFrac: options.initLrFrac,
    }),
  );
  if (options.loadOptimizer || options.resume) await warmStart(optimizer, opened, io);
  const pass = new Pass(model, B, T, { training: true });

  const directory = checkpointDirectory(baseDir, "sft", files.tag);
  const sinks = new SinkGroup([
    new ConsoleSink(terminal),
    JsonlSink.open(join(directory, "metrics.jsonl"), { resumeStep: saved?.at.step }),
  ]);
  const metrics: Record<string, number> = {};
  const bpbs: number[] = [];
  const cut = { conversations: 0, tokens: 0 };
  const every = (interval: number, step: number) => interval > 0 && step % interval === 0;
  const save = async (at: RunProgress) => {
    const contents = { model, optimizer, options, settings, at, loader: loader.state, metrics };
    const written = await saveRun(baseDir, files.tag, contents);
    terminal.print(`Saved ${written.model}`);
    return written;
  };
  const measure = async (step: number, last: boolean) => {
    if (last || every(options.evalEvery, step)) {
      const { evalTokens } = options, { tokenBytes } = tokenizer;
      const packed = { pass, dataset: validation, loader: packing, evalTokens, tokenBytes };
      metrics.val_bpb = await validate({ ...packed, terminal });
      bpbs.push(metrics.val_bpb);
      sinks.log(step, { "val/bpb": metrics.val_bpb });
    }
    if (chatcore && (last || step > 0 && every(options.chatcoreEvery, step))) {
      const scores = await chatcore.measure(opened);
      if (!scores) return;
      Object.assign(metrics, scores);
      sinks.log(step, scores);
    }
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
      isDue: (step) =>
        [options.evalEvery, options.saveEvery, options.chatcoreEvery]
          .some((interval) => every(interval, step)),
      pause: async (at, last) => {
        const isNew = at.step > (saved?.at.step ?? 0);
        // What was learned is safe before anything is measured.
        const written = isNew && (last || every(options.saveEvery, at.step)) && await save(at);
        if (io.signal.aborted) return;
        await measure(at.step, last);
        if (written) await addToMeta(written, metrics);
      },
    }, saved?.at ?? START);
    reportCuts(cut, T, io);
    const after = before && !io.signal.aborted ? await showcase?.portray(opened) : undefined;
    if (before && after) {
      const withBpb = ({ numbers, answers }: Portrait, bpb: number) => ({
        numbers: { "Validation bpb": bpb, ...numbers },
        answers,
      });
      printPortraits(withBpb(before, bpbs[0]), withBpb(after, bpbs.at(-1)!), terminal);
    }
    return { directory, at, metrics };
  } finally {
    await sinks.close();
  }
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

/** Takes over the optimizer's state from the checkpoint, if it is there and fits. */
async function warmStart(
  optimizer: Optimizer,
  { files }: OpenedModel,
  { terminal }: RunIo,
): Promise<void> {
  const path = files.optimizers.get(0);
  if (path === undefined) {
    terminal.warn(
      `${files.directory} has no optimizer state of step ${files.step}; starting fresh`,
    );
    return;
  }
  using file = await TorchFile.open(path);
  try {
    await loadOptimizerState(optimizer, file.root);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const ranks = files.optimizers.size;
    const hint = ranks > 1 ? ` (it was saved in shares by ${ranks} processes)` : "";
    terminal.warn(`${path}: ${error.message}${hint}; starting the optimizer fresh`);
    return;
  }
  terminal.info(
    `Optimizer state loaded from ${path} (moments and steps; learning rates are reset)`,
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
      `which lost ${cut.tokens} tokens; --max-seq-len makes rows longer`,
  );
}
