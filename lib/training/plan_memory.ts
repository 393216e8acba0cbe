/**
 * Whether a device has the memory for what is wanted of it, before anything is loaded.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import { type Instead, UserError } from "../errors.ts";
import type { ComputeType } from "../model/mod.ts";
import { SINGLE, together } from "../ranks/mod.ts";
import { computeTypes } from "./compute_type.ts";
import { countAnswers, type ModelShape, type TextsAtOnce } from "./count_answers.ts";
import { countTraining, type TrainingMemory, type WhatElse } from "./count_memory.ts";
import { type Fitting, fittingRows, orMemoryError, Room } from "./fitting_rows.ts";
import type { RunIo } from "./io.ts";
import { fittingLines, formatMemory, memoryLine, roomOf, trainingLines } from "./memory_table.ts";
import { accumulationSteps, stepTokensOf, type WantedSettings } from "./settings.ts";

/** What of the world a run is planned in. */
export type PlanningIo =
  & Pick<RunIo, "terminal">
  & Partial<Pick<RunIo, "signal" | "stop" | "ranks">>;

/** What of a run decides its memory. */
export interface PlannedRun extends Omit<WhatElse, "ranks"> {
  /** Whether its rows were asked for: others that do not fit are made fewer. */
  rowsAsked?: boolean;
}

/**
 * Says what a training run needs, finds the rows of a micro-batch if they are `auto` or too many that
 * nobody asked for, and refuses what does not fit. Several ranks take as many rows as fit on all of
 * them, and what does not fit on one is refused on all.
 *
 * @returns The settings with their rows.
 * @throws {UserError} where the device has too little memory; it tells what would fit.
 */
export async function planTraining<Settings extends WantedSettings>(
  device: Hardware,
  shape: ModelShape,
  settings: Settings,
  io: PlanningIo & PlannedRun,
): Promise<Settings & { deviceBatchSize: number }> {
  const { terminal, rowsAsked = true, recompute = false, ranks = SINGLE } = io;
  const { maxSeqLen: T, deviceBatchSize: wanted } = settings, isAuto = wanted === "auto";
  if (!isAuto) accumulationSteps({ ...settings, deviceBatchSize: wanted }, ranks.worldSize);
  const plan = new Plan(device, shape, settings, io);
  const { dtype = "float32" } = shape, here = await plan.fitting(dtype);
  const most = recompute ? here.recomputed : here.kept;
  // Where not even one row fits, it is said what that takes.
  let rows = isAuto ? Math.max(1, most) : wanted;
  let counted = await plan.count(rows);
  const isTooMuch = !await plan.fitsAll(counted);
  if (most > 0 && (isAuto || isTooMuch && !rowsAsked)) {
    if (!isAuto) counted = await plan.count(rows = most);
    const which = isAuto ? "the most" : `the most of ${wanted}`;
    terminal.info(`device_batch_size=${rows}: ${which} that fit and divide the step`);
  }
  const found = isTooMuch ? [here, ...await plan.otherwise(dtype)] : [here];
  const what = `${plural(rows, "row")} of ${T} tokens`;
  const whose = ranks.worldSize > 1 ? " of a rank" : "";
  terminal.info(
    `Memory${whose} for ${what} in ${dtype}${recompute ? ", layers computed again" : ""}`,
  );
  const lines = counted instanceof UserError ? [] : [
    ...trainingLines(counted, rows, T),
    memoryLine("all together", `${formatMemory(counted.total)}, ${roomOf(device)}`),
  ];
  for (const line of [...lines, ...fittingLines(found)]) terminal.info(line);
  return await together(io, async () => {
    if (await plan.fits(counted)) return { ...settings, deviceBatchSize: rows };
    const instead = insteadOf(found, recompute);
    throw tooMuch(device, `Training ${what}`, counted, { rows: isAuto ? 0 : most, instead });
  });
}

/** What is found out for {@link planTraining}, on all ranks together. */
class Plan {
  readonly #room: Room;

  constructor(
    private readonly device: Hardware,
    private readonly shape: ModelShape,
    private readonly settings: WantedSettings,
    private readonly io: PlanningIo & PlannedRun,
  ) {
    this.#room = new Room(device);
  }

  /** What so many rows take. What ChatCORE takes is a guess, for which nothing asked for is refused. */
  async count(rows: number): Promise<TrainingMemory | UserError> {
    const { device, shape, io, settings, settings: { maxSeqLen: T, deviceBatchSize } } = this;
    const { recompute, separator, muon, ranks } = io;
    const isAsked = rows === deviceBatchSize && (io.rowsAsked ?? true);
    const run = { rows, T, recompute, separator, muon, ranks, measures: io.measures && !isAsked };
    const stepTokens = stepTokensOf(settings, ranks?.worldSize);
    const count = () => orMemoryError(countTraining(device, shape, { ...run, stepTokens }));
    return await together(io, count);
  }

  /** Whether this rank has room for it. */
  async fits(counted: TrainingMemory | UserError): Promise<boolean> {
    return !(counted instanceof UserError) && await this.#room.has(counted.counted);
  }

  /** Whether all ranks have room for what each counted. */
  async fitsAll(counted: TrainingMemory | UserError): Promise<boolean> {
    const { io, io: { ranks = SINGLE } } = this;
    return !await ranks.any(!await together(io, () => this.fits(counted)));
  }

  /** The rows that fit on all ranks in a type. */
  async fitting(dtype: ComputeType): Promise<Fitting> {
    const { device, shape, settings, io, io: { separator, measures, muon, ranks = SINGLE } } = this;
    const run = { separator, measures, muon, ranks }, typed = { ...shape, dtype };
    const find = () => fittingRows(device, typed, settings, run, this.#room);
    const { kept, recomputed } = await together(io, find);
    const all = await ranks.gather(Int32Array.of(kept, recomputed));
    const least = (i: number) => Math.min(...all.map((rows) => rows[i]));
    return { dtype, kept: least(0), recomputed: least(1) };
  }

  /** Those that fit in the types of 16 bits which the model can compute in beside `dtype`. */
  async otherwise(dtype: ComputeType): Promise<Fitting[]> {
    const { device, shape: { config } } = this;
    const found: Fitting[] = [];
    for (const other of computeTypes(device, config)) {
      if (other !== "float32" && other !== dtype) found.push(await this.fitting(other));
    }
    return found;
  }
}

/** How at least one row would fit. */
function insteadOf(found: readonly Fitting[], recompute: boolean): Instead | undefined {
  const [here] = found;
  for (const { dtype, kept, recomputed } of found) {
    const other = dtype === here.dtype ? undefined : dtype;
    if (kept > 0) return { dtype: other, recompute: false, rows: kept };
    if (recomputed > 0) return { dtype: other, recompute: !recompute, rows: recomputed };
  }
}

/** Texts that are to be generated. */
export interface PlannedTexts extends TextsAtOnce {
  /** Whether they may be fewer and shorter: then only what the model needs in any case must fit. */
  isGuess?: boolean;
}

/**
 * What generating text needs, in words. Refuses what does not fit.
 *
 * @throws {UserError} where the device has too little memory.
 */
export async function planAnswers(
  device: Hardware,
  shape: ModelShape,
  { isGuess = false, ...texts }: PlannedTexts,
): Promise<string> {
  const { rows, capacity = shape.config.sequenceLen, cacheTokens } = texts;
  const wanted = await orMemoryError(countAnswers(device, shape, texts));
  const least = isGuess
    ? await orMemoryError(countAnswers(device, shape, { rows: 1, capacity: 2 }))
    : wanted;
  if (least instanceof UserError || !await device.fits(least.counted)) {
    throw tooMuch(device, "Generating text with this model", least, { rows: 0 });
  }
  const { weights, cachePerToken, total } = wanted instanceof UserError ? least : wanted;
  const all = wanted instanceof UserError ? "more than it has" : formatMemory(total);
  const together = cacheTokens === undefined
    ? ""
    : `, ${cacheTokens} in a cache of ${formatMemory(cacheTokens * cachePerToken)}`;
  return `memory: weights ${formatMemory(weights)}, KV cache ${formatMemory(cachePerToken)} a ` +
    `token; ${all} for ${plural(rows, "text")} of ${capacity} tokens${together}, ${roomOf(device)}`;
}

/**
 * The error for what does not fit.
 *
 * @param otherwise The rows that would fit, and if none do, what else would.
 */
function tooMuch(
  device: Hardware,
  what: string,
  counted: { total: number } | UserError,
  otherwise: { rows: number; instead?: Instead },
): UserError {
  const { kind, name, memory: { limit } } = device;
  const where = kind === "cpu" ? "the CPU device" : name;
  const has = limit < Infinity ? `has ${formatMemory(limit)}` : "gives less";
  if (counted instanceof UserError) {
    // Of a GPU, it tells which tensor is larger than a buffer can be.
    const message = kind === "cpu"
      ? `${what} takes far more memory than the CPU device has, which is ${formatMemory(limit)}`
      : counted.message;
    const detail = counted.detail?.kind === "memory"
      ? { ...counted.detail, ...otherwise }
      : undefined;
    return new UserError(message, { cause: counted, detail });
  }
  const { total: bytes } = counted;
  return new UserError(`${what} takes ${formatMemory(bytes)} of memory, and ${where} ${has}`, {
    detail: { kind: "memory", tensor: what, bytes, limit, ...otherwise },
  });
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
