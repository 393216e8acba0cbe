/**
 * The checkpoints of a run: when they are saved, and how the ranks that train together save them.
 *
 * @module
 */
import { checkpointDirectory, type CheckpointFiles } from "../checkpoint/disk/mod.ts";
import { gatherTexts, type Ranks, SINGLE, together } from "../ranks/mod.ts";
import type { JsonlOptions } from "../tracking/jsonl.ts";
import {
  DiskCheckpoints,
  type PatienceOptions,
  type RunPlace,
  type SavingOptions,
} from "./disk_checkpoints.ts";
import { isMultiple } from "./loop.ts";
import type { RankContents } from "./save.ts";

/**
 * Saves a run's checkpoints, see {@link DiskCheckpoints}. Of several ranks the first one alone touches
 * the disk; the others hand it their part of the optimizer, so that all methods are called by all
 * ranks at once. What fails on the first one fails on all.
 */
export class RunCheckpoints implements AsyncDisposable {
  #options: SavingOptions & Partial<PatienceOptions> | undefined;
  #last: CheckpointFiles | undefined;
  #waited = 0;

  private constructor(
    private readonly ranks: Ranks,
    /** On the first rank only. */
    private readonly disk: DiskCheckpoints | undefined,
    /** Where they lie. */
    readonly directory: string,
    /** Whether the run begins here, and is not one that goes on from its last checkpoint. */
    readonly isNewRun: boolean,
    /** How its log begins. */
    readonly log: JsonlOptions,
  ) {}

  /**
   * Takes the directory for a run, see {@link DiskCheckpoints.open}.
   *
   * @throws {UserError} if another process writes there, naming it, or nothing can be written.
   */
  static async open(place: RunPlace & { ranks?: Ranks }): Promise<RunCheckpoints> {
    const { ranks = SINGLE, baseDir, source, tag } = place;
    const disk = await together({ ranks }, async () => {
      return ranks.rank === 0 ? await DiskCheckpoints.open(place) : undefined;
    });
    const directory = checkpointDirectory(baseDir, source, tag);
    const { isNewRun, log } =
      (await told(ranks, disk && { isNewRun: disk.isNewRun, log: disk.log }))!;
    const checkpoints = new RunCheckpoints(ranks, disk, directory, isNewRun, log);
    await checkpoints.#tellLast();
    return checkpoints;
  }

  /**
   * Takes note of how the run saves, and compares what that takes with what the disk has free, see
   * {@link DiskCheckpoints.plan}.
   *
   * @param contents What a checkpoint holds; no tensor is read.
   * @param from The step that the run begins at.
   * @throws {UserError} if not even the model fits on the disk, with the numbers.
   */
  async plan(
    options: SavingOptions & Partial<PatienceOptions>,
    contents: Pick<RankContents, "stateDict" | "optimizer">,
    from: number,
  ): Promise<void> {
    this.#options = options;
    const { ranks, disk } = this;
    await together({ ranks }, async () => await disk?.plan(options, contents, from));
  }

  /** The newest checkpoint of this run; undefined where there is none yet. */
  get last(): CheckpointFiles | undefined {
    return this.disk ? this.disk.last : this.#last;
  }

  /** How many measurements in a row were not better, see {@link DiskCheckpoints.waited}. */
  get waited(): number {
    return this.#waited;
  }

  /** Whether a checkpoint that stays is due after a step. */
  isDue(step: number): boolean {
    return isMultiple(step, this.#options?.saveEvery ?? -1);
  }

  /**
   * Saves a checkpoint, see {@link DiskCheckpoints.save}. If it cannot be written, that is a warning;
   * the run goes on, and saves at the next turn.
   *
   * @param last Whether there is no next turn.
   * @throws {UserError} at the last turn; {@linkcode last} is the last good checkpoint then.
   */
  async save(contents: RankContents, last = false): Promise<void> {
    await this.#write(contents, (disk) => disk.save(contents, last));
  }

  /**
   * Takes note of what was measured at a step, see {@link DiskCheckpoints.measured}.
   *
   * @param measured What was measured at this step, in nanochat's spelling: `val_bpb`, …
   * @param contents What a checkpoint of this step holds.
   */
  async measured(
    step: number,
    measured: Readonly<Record<string, number>>,
    contents: () => RankContents,
  ): Promise<void> {
    // Which is the best so far, the first rank knows alone.
    const { saveBest = false, patience = -1 } = this.#options ?? {};
    const saved = saveBest || patience > 0 ? contents() : undefined;
    await this.#write(saved, (disk) => disk.measured(step, measured, () => saved ?? contents()));
  }

  /** Ends a run that has a patience with its best checkpoint, see {@link DiskCheckpoints.keepBest}. */
  async keepBest(step: number): Promise<void> {
    await this.#write(undefined, (disk) => disk.keepBest(step));
  }

  /** Lets other runs write there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.disk?.[Symbol.asyncDispose]();
  }

  /** Writes on the first rank, with what the others have. */
  async #write(
    contents: RankContents | undefined,
    write: (disk: DiskCheckpoints) => Promise<void>,
  ): Promise<void> {
    const { ranks, disk } = this, shards = contents?.shards;
    const onDisk = async () => disk && await write(disk);
    await together({ ranks }, () => shards ? shards.whileServed(onDisk) : onDisk());
    await this.#tellLast();
  }

  /** Tells all ranks which checkpoint is the newest, and how long none was better. */
  async #tellLast(): Promise<void> {
    const { ranks, disk } = this, last = disk?.last;
    const own = last && { ...last, optimizers: [...last.optimizers] };
    const { files, waited } = await told(ranks, { files: own, waited: disk?.waited ?? 0 });
    this.#waited = waited;
    this.#last = files && { ...files, optimizers: new Map(files.optimizers) };
  }
}

/** What the first rank has, on all ranks. */
async function told<T>(ranks: Ranks, own: T): Promise<T> {
  if (ranks.worldSize === 1) return own;
  const [text] = await gatherTexts(ranks, JSON.stringify(own ?? null));
  return JSON.parse(text) ?? undefined;
}
