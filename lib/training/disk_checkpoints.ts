/**
 * The checkpoints of a run on the disk: which are kept, and that no other run is in the way.
 *
 * @module
 */
import { join } from "@std/path";
import {
  addToMeta,
  type BitsPerByte,
  type CheckpointContents,
  checkpointDirectory,
  type CheckpointFiles,
  checkpointFiles,
  type CheckpointRun,
  checkpointSize,
  decidingBpb,
  fileNames,
  freeBytes,
  readMeta,
  removeCheckpoint,
  type RunIdentity,
  runIdentity,
  RunLock,
  runsIn,
  saveBaseCheckpoint,
  saveCheckpoint,
  sweepTemporaryFiles,
  WriteError,
} from "../checkpoint/disk/mod.ts";
import { type JsonlOptions, runOfLog } from "../tracking/jsonl.ts";
import { UserError } from "../errors.ts";
import type { Terminal } from "../tracking/mod.ts";
import { isMultiple } from "./loop.ts";
import { checkRoom, formatBytes } from "./room.ts";
import { LOG } from "./sinks.ts";

/** How a run saves. */
export interface SavingOptions {
  /** Optimizer steps; −1 for one epoch. */
  numIterations: number;
  /** Steps between checkpoints; −1 for the last step only. */
  saveEvery: number;
  /** Whether to save whenever the validation's bits per byte are the fewest so far. */
  saveBest: boolean;
  /** How many of the newest checkpoints stay, beside the best; 0 for all. */
  keep: number;
}

/** When a run stops before its end. */
export interface PatienceOptions {
  /**
   * How often bits per byte may be measured without being fewer than before; −1 for any number. With
   * a limit the best checkpoint is kept, and at the end no worse one that was not asked for.
   */
  patience: number;
}

/** Where a run saves. */
export interface RunPlace {
  /** nanochat's base directory. */
  baseDir: string;
  /** Which kind of model is trained. */
  source: "base" | "sft";
  /** The model's tag. */
  tag: string;
  /** Whether a run that was saved there is gone on with. */
  resume?: boolean;
  /** From which step; the last of the newest run unless given. */
  step?: number;
  /** Where warnings are printed. */
  terminal: Terminal;
}

/**
 * Saves a run's checkpoints. While it is open, no other process can write a run there.
 *
 * Checkpoints of other runs in the same directory stay, except where a step of the same number
 * replaces one.
 */
export class DiskCheckpoints implements AsyncDisposable {
  /** Where they lie. */
  readonly directory: string;
  #options: SavingOptions & PatienceOptions = {
    numIterations: -1,
    saveEvery: -1,
    saveBest: false,
    keep: 0,
    patience: -1,
  };
  #run: RunIdentity;
  /** The steps of this run that are saved. */
  readonly #steps: Set<number>;
  /** The newest of them. */
  #last: CheckpointFiles | undefined;
  /** A step that is saved only until the next one is: it was not due, but about to be measured. */
  #passing: number | undefined;
  #hasTold = false;

  private constructor(
    private readonly place: RunPlace,
    private readonly lock: AsyncDisposable,
    run: RunIdentity,
    saved: CheckpointFiles[],
    /** Whether the run begins here, and is not one that goes on from its last checkpoint. */
    readonly isNewRun: boolean,
    /** How its log begins. */
    readonly log: JsonlOptions,
    /** The highest step that other runs have there; 0 if there is none. */
    private readonly highestOfOthers: number,
  ) {
    this.directory = checkpointDirectory(place.baseDir, place.source, place.tag);
    this.#run = run;
    this.#steps = new Set(saved.map(({ step }) => step));
    this.#last = saved.at(-1);
  }

  /**
   * Takes the directory for a run: locks it, removes what killed processes left half-written, and
   * finds out which run this is. One that goes on from the last checkpoint of the newest run is the
   * same run; from another one it is a new run, and what was saved after that one stays.
   *
   * @throws {UserError} if another process writes there, naming it, or nothing can be written.
   */
  static async open(place: RunPlace): Promise<DiskCheckpoints> {
    const { terminal } = place;
    const directory = checkpointDirectory(place.baseDir, place.source, place.tag);
    await using locked = new AsyncDisposableStack();
    const lock = locked.use(await RunLock.acquire(directory));
    const swept = await sweepTemporaryFiles(directory);
    if (swept > 0) {
      terminal.info(`Removed ${formatBytes(swept)} of files that were left half-written`);
    }
    const names = await fileNames(directory);
    const runs = await runsIn(directory, names);
    const newest = runs.at(-1), last = newest?.steps.at(-1)?.step;
    const from = place.resume ? place.step ?? last : undefined;
    const old = runs.find(({ steps }) => steps.some(({ step }) => step === from))?.identity;
    const isSame = old !== undefined && from === last;
    // One that goes on has not ended.
    const run = isSame ? { ...old, ended: undefined } : newRun(runs, lock.taken);
    const saved = isSame ? newest!.steps : [];
    const others = isSame ? runs.slice(0, -1) : runs;

    if (from !== undefined) warnOfUnsaved(directory, runs, from, terminal);
    return new DiskCheckpoints(
      place,
      locked.move(),
      run,
      saved.map(({ step }) => checkpointFiles(names, directory, step)),
      !isSame,
      { run: run.id, resumeStep: from, resumeRun: old?.id },
      Math.max(0, ...others.map(({ steps }) => steps.at(-1)!.step)),
    );
  }

  /**
   * Takes note of how the run saves, and compares what that takes with what the disk has free; for
   * before training. What may go wrong later is a warning.
   *
   * @param contents What a checkpoint holds; no tensor is read.
   * @param from The step that the run begins at.
   * @throws {UserError} if not even the model fits on the disk, with the numbers.
   */
  async plan(
    options: SavingOptions & Partial<PatienceOptions>,
    contents: Pick<CheckpointContents, "stateDict" | "optimizer">,
    from: number,
  ): Promise<void> {
    this.#options = { patience: -1, ...options };
    const { numIterations, saveEvery, keep, patience } = this.#options;
    if (this.isNewRun) this.#tellOfHigher(Math.max(numIterations, from));
    // How many an epoch makes is not known before its end.
    const planned = saveEvery > 0 && numIterations > 0
      ? Math.max(1, Math.ceil((numIterations - from) / saveEvery))
      : 1;
    // A new one is written before an old one goes, and the best lies beside the last.
    const count = (keep > 0 ? Math.min(planned, keep + 1) : planned) + Number(patience > 0);
    const warning = await checkRoom(this.directory, contents, count);
    if (warning) this.place.terminal.warn(warning);
  }

  /** The newest checkpoint of this run; undefined where there is none yet. */
  get last(): CheckpointFiles | undefined {
    return this.#last;
  }

  /** How many measurements in a row were not better than the best; of a run with a patience. */
  get waited(): number {
    return this.#run.waited ?? 0;
  }

  /** Whether a checkpoint that stays is due after a step. */
  isDue(step: number): boolean {
    return isMultiple(step, this.#options.saveEvery);
  }

  /**
   * Saves a checkpoint, unless its step was saved already, and removes those that are not to be
   * kept. One that is not due is kept until the next is saved, and left out where the disk has no
   * room for both. If one cannot be written, that is a warning; the run goes on, and saves at the
   * next turn.
   *
   * @param last Whether there is no next turn.
   * @throws {UserError} at the last turn; {@linkcode last} is the last good checkpoint then.
   */
  async save(contents: CheckpointContents, last = false): Promise<void> {
    if (last) this.#tellOfHigher(contents.step);
    const stays = last || this.isDue(contents.step);
    if (stays || await this.#hasRoomForNext(contents)) await this.#save(contents, stays, last);
  }

  /** Whether the disk holds this checkpoint and one more. */
  async #hasRoomForNext(contents: CheckpointContents): Promise<boolean> {
    const { model, optimizer } = checkpointSize(contents);
    const count = this.#passing === undefined ? 2 : 1;
    return (await freeBytes(this.directory) ?? Infinity) >= count * (model + optimizer);
  }

  async #save(contents: CheckpointContents, stays: boolean, last: boolean): Promise<void> {
    const { place: { baseDir, tag, source, terminal } } = this;
    const { step } = contents;
    if (this.#last?.step !== step) {
      const save = source === "sft" ? saveCheckpoint : saveBaseCheckpoint;
      try {
        const warn = (line: string) => terminal.warn(line);
        this.#last = await save(baseDir, tag, { ...contents, run: this.#run }, warn);
      } catch (error) {
        if (last || !(error instanceof WriteError)) throw error;
        const good = this.#last
          ? `the last good checkpoint is ${this.#last.model}`
          : "no checkpoint of this run is saved";
        terminal.warn(`${error.message}; ${good}; the run goes on, and saves at the next turn`);
        return;
      }
      terminal.print(`Saved ${this.#last.model}${stays ? "" : ", until the next one is"}`);
      if (this.#passing !== undefined) await this.#remove(this.#passing);
      this.#passing = step;
    }
    if (!stays) return;
    if (this.#passing === step) this.#passing = undefined;
    this.#steps.add(step);
    await this.#prune();
  }

  /**
   * Takes note of what was measured at a step: adds it to the checkpoint of the step, which is saved
   * now if it is the best so far and that is wanted.
   *
   * @param measured What was measured at this step, in nanochat's spelling: `val_bpb`, …
   * @param contents What a checkpoint of this step holds.
   */
  async measured(
    step: number,
    measured: Readonly<Record<string, number>>,
    contents: () => CheckpointContents,
  ): Promise<void> {
    const { val_bpb, val_own_bpb }: BitsPerByte = measured, { best } = this.#run;
    const { saveBest, patience } = this.#options;
    const bpb = decidingBpb(measured);
    // Before the first step, the model is not of this run.
    const counts = step > 0 && bpb !== undefined;
    const isBest = counts && bpb < ((best && decidingBpb(best)) ?? Infinity);
    if (isBest && (saveBest || patience > 0)) await this.#save(contents(), true, false);
    const isNewBest = isBest && this.#steps.has(step);
    if (isNewBest) this.#run = { ...this.#run, best: { step, val_bpb, val_own_bpb } };
    if (counts && patience > 0) {
      this.#run = { ...this.#run, waited: isBest ? 0 : this.waited + 1 };
    }
    const last = this.#last;
    if (last?.step !== step || Object.keys(measured).length === 0) return;
    await this.#addToMeta(last, { ...measured, run: this.#run });
    if (isNewBest && best && patience > 0 && !saveBest) await this.#drop([best.step]);
    await this.#prune();
  }

  /**
   * Ends a run that has a patience: of its checkpoints, the best one is the last, where those after it
   * were not asked for.
   *
   * @param step The last step.
   */
  async keepBest(step: number): Promise<void> {
    const { best, waited = 0 } = this.#run, { patience } = this.#options;
    if (patience < 1 || !best || best.step === step) return;
    if (this.#passing !== undefined) this.#steps.add(this.#passing);
    this.#passing = undefined;
    await this.#drop([...this.#steps].filter((later) => later > best.step));
    const names = await fileNames(this.directory);
    const newest = Math.max(...this.#steps);
    this.#last = checkpointFiles(names, this.directory, newest);
    const ended = waited < patience ? { step } : { step, patience };
    // Whoever goes on from there has the patience that was left there.
    const { raw } = await readMeta(this.#last.meta);
    this.#run = { ...this.#run, waited: runIdentity(raw)?.waited ?? 0, ended };
    await this.#addToMeta(this.#last, { run: this.#run });
    const { terminal } = this.place;
    terminal.print(`The best step of the run, ${best.step}, is kept`);
    if (newest === best.step) return;
    terminal.warn(
      `step ${newest} stays, for it was asked for, and is loaded unless a step is said; ` +
        `the best is step ${best.step}`,
    );
  }

  /** Lets other runs write there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.lock[Symbol.asyncDispose]();
  }

  async #addToMeta(files: CheckpointFiles, entries: Record<string, unknown>): Promise<void> {
    try {
      await addToMeta(files, entries);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.place.terminal.warn(`${error.message}; the checkpoint lacks what was measured`);
    }
  }

  /** Removes checkpoints that are not due. */
  async #drop(steps: readonly number[]): Promise<void> {
    for (const step of steps.filter((step) => !this.isDue(step))) {
      await this.#remove(step);
      this.#steps.delete(step);
    }
  }

  /** Says once what nanochat makes of steps of other runs that are higher than this run's last. */
  #tellOfHigher(last: number): void {
    if (this.highestOfOthers <= last || this.#hasTold) return;
    this.#hasTold = true;
    this.place.terminal.warn(
      `${this.directory} holds step ${this.highestOfOthers} of an earlier run, which nanochat's ` +
        "scripts load as the highest unless they are told a step; move it elsewhere to avoid that",
    );
  }

  /** Removes this run's checkpoints that are neither among the newest nor the best. */
  async #prune(): Promise<void> {
    const { keep } = this.#options;
    if (keep === 0) return;
    const older = [...this.#steps].sort((a, b) => a - b).slice(0, -keep);
    for (const step of older.filter((step) => step !== this.#run.best?.step)) {
      await this.#remove(step);
      this.#steps.delete(step);
    }
  }

  async #remove(step: number): Promise<void> {
    try {
      await removeCheckpoint(this.directory, step);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.place.terminal.warn(`${error.message}; it stays`);
    }
  }
}

/** Warns where the last run in a directory saved nothing, so that an earlier one is gone on with. */
export function warnOfUnsaved(
  directory: string,
  runs: readonly CheckpointRun[],
  from: number,
  terminal: Terminal,
): void {
  const logged = runOfLog(join(directory, LOG));
  if (!logged || runs.some(({ identity }) => identity?.id === logged)) return;
  terminal.warn(
    `the last run in ${directory} ended before it saved anything; ` +
      `this is an earlier one, at step ${from}`,
  );
}

/** A run that begins now, later than all that are there, whatever the clocks said when they began. */
function newRun(runs: CheckpointRun[], now: Date): RunIdentity {
  const began = runs.map(({ identity }) => identity ? Date.parse(identity.began) + 1 : 0)
    .reduce((a, b) => Math.max(a, b), now.getTime());
  return { id: crypto.randomUUID(), began: new Date(began).toISOString() };
}
