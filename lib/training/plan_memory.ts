/**
 * Whether a device has the memory for what is wanted of it, before anything is loaded.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { type Ranks, SINGLE, together } from "../ranks/mod.ts";
import {
  countAnswers,
  countTraining,
  type ModelShape,
  type TrainingMemory,
  type WhatElse,
} from "./count_memory.ts";
import type { RunIo } from "./io.ts";
import { accumulationSteps, type InheritedSettings, type WantedSettings } from "./settings.ts";

/** A number of bytes of memory for a person, as `419 MiB` or `5.18 GiB`. */
export function formatMemory(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`;
}

/** How much memory a device has, for a person. */
export function roomOf({ name, kind, memory: { limit } }: Hardware): string {
  if (limit < Infinity) return `${formatMemory(limit)} there`;
  return `${kind === "webgpu" ? name : "the device"} does not say how much it has`;
}

/**
 * The most rows of a micro-batch that a device has room for: a power of two of which an optimizer
 * step holds a whole number on every rank. 0 where not even one fits.
 *
 * @param run What else the run does; measuring takes memory too.
 * @throws {UserError} where a step holds no whole number of rows.
 */
export async function mostRows(
  device: Hardware,
  shape: ModelShape,
  { maxSeqLen: T, totalBatchSize }: Pick<InheritedSettings, "maxSeqLen" | "totalBatchSize">,
  run: WhatElse = {},
): Promise<number> {
  const { worldSize } = run.ranks ?? SINGLE;
  accumulationSteps({ maxSeqLen: T, totalBatchSize, deviceBatchSize: 1 }, worldSize);
  let most = 0;
  for (let rows = 1; totalBatchSize % (rows * T * worldSize) === 0; rows *= 2) {
    const counted = await orMemoryError(countTraining(device, shape, { rows, T, ...run }));
    if (counted instanceof UserError || !await device.fits(counted.counted)) break;
    most = rows;
  }
  return most;
}

/** What of the world a run is planned in. */
export type PlanningIo =
  & Pick<RunIo, "terminal">
  & Partial<Pick<RunIo, "signal" | "stop" | "ranks">>;

/**
 * Says what a training run needs, finds the rows of a micro-batch if they are `auto`, and refuses
 * what does not fit. Several ranks take as many rows as fit on all of them, and what does not fit on
 * one is refused on all.
 *
 * @param measures Whether ChatCORE is measured in between.
 * @returns The settings with their rows.
 * @throws {UserError} where the device has too little memory; it tells how many rows fit.
 */
export async function planTraining<Settings extends WantedSettings>(
  device: Hardware,
  shape: ModelShape,
  settings: Settings,
  io: PlanningIo & Omit<WhatElse, "ranks">,
): Promise<Settings & { deviceBatchSize: number }> {
  const { terminal, measures, muon, ranks = SINGLE } = io;
  const { maxSeqLen: T, deviceBatchSize: wanted } = settings;
  const most = () => mostRows(device, shape, settings, { measures, muon, ranks });
  const isAuto = wanted === "auto";
  const fitting = isAuto ? await leastOf(ranks, await together(io, most)) : wanted;
  // Where not even one row fits, it is said what that takes.
  const rows = Math.max(1, fitting);
  const settled = { ...settings, deviceBatchSize: rows };
  accumulationSteps(settled, ranks.worldSize);
  if (isAuto && fitting > 0) {
    terminal.info(`device_batch_size=${rows}: the most that fit and divide the step`);
  }
  return await together(io, async () => {
    const counted = await orMemoryError(countTraining(device, shape, { rows, T, muon, ranks }));
    if (!(counted instanceof UserError)) {
      terminal.info(trainingLine(counted, { rows, T, worldSize: ranks.worldSize }, device));
      if (fitting > 0 && await device.fits(counted.counted)) return settled;
    }
    const what = `Training ${plural(rows, "row")} of ${T} tokens`;
    throw tooMuch(device, what, counted, isAuto ? 0 : await most());
  });
}

/** The least of what ranks have. */
async function leastOf(ranks: Ranks, own: number): Promise<number> {
  return Math.min(...(await ranks.gather(Int32Array.of(own))).map(([rows]) => rows));
}

/**
 * What generating text needs, in words. Refuses what does not fit.
 *
 * @param rows Texts at a time.
 * @param capacity Most tokens of each; the model's own length unless given.
 * @param isGuess Whether they may be fewer and shorter: then only what the model needs in any case
 * must fit.
 * @throws {UserError} where the device has too little memory.
 */
export async function planAnswers(
  device: Hardware,
  shape: ModelShape,
  { rows, capacity = shape.config.sequenceLen, isGuess = false }: {
    rows: number;
    capacity?: number;
    isGuess?: boolean;
  },
): Promise<string> {
  const wanted = await orMemoryError(countAnswers(device, shape, { rows, capacity }));
  const least = isGuess
    ? await orMemoryError(countAnswers(device, shape, { rows: 1, capacity: 2 }))
    : wanted;
  if (least instanceof UserError || !await device.fits(least.counted)) {
    throw tooMuch(device, "Generating text with this model", least, 0);
  }
  const { weights, cachePerToken, total } = wanted instanceof UserError ? least : wanted;
  const all = wanted instanceof UserError ? "more than it has" : formatMemory(total);
  return `memory: weights ${formatMemory(weights)}, KV cache ${formatMemory(cachePerToken)} a ` +
    `token; ${all} for ${plural(rows, "text")} of ${capacity} tokens, ${roomOf(device)}`;
}

/** What training needs, in a line. */
function trainingLine(
  memory: TrainingMemory,
  { rows, T, worldSize }: { rows: number; T: number; worldSize: number },
  device: Hardware,
): string {
  const { weights, gradients, moments, activationsPerRow, total } = memory;
  return `Memory${worldSize > 1 ? " of a rank" : ""}: weights ${formatMemory(weights)}, gradients ${
    formatMemory(gradients)
  }, ` +
    `moments ${formatMemory(moments)}, activations ${formatMemory(activationsPerRow)} a row; ` +
    `${formatMemory(total)} for ${plural(rows, "row")} of ${T} tokens, ` +
    roomOf(device);
}

/** What was counted, or the error of a tensor that the device cannot hold however much is free. */
export async function orMemoryError<Memory>(
  counting: Promise<Memory>,
): Promise<Memory | UserError> {
  try {
    return await counting;
  } catch (error) {
    if (error instanceof UserError && error.detail?.kind === "memory") return error;
    throw error;
  }
}

function tooMuch(
  device: Hardware,
  what: string,
  counted: { total: number } | UserError,
  rows: number,
): UserError {
  const { kind, name, memory: { limit } } = device;
  const where = kind === "cpu" ? "the CPU device" : name;
  const has = limit < Infinity ? `has ${formatMemory(limit)}` : "gives less";
  if (counted instanceof UserError) {
    // Of a GPU, it tells which tensor is larger than a buffer can be.
    const message = kind === "cpu"
      ? `${what} takes far more memory than the CPU device has, which is ${formatMemory(limit)}`
      : counted.message;
    const detail = counted.detail?.kind === "memory" ? { ...counted.detail, rows } : undefined;
    return new UserError(message, { cause: counted, detail });
  }
  const { total: bytes } = counted;
  return new UserError(`${what} takes ${formatMemory(bytes)} of memory, and ${where} ${has}`, {
    detail: { kind: "memory", tensor: what, bytes, limit, rows },
  });
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
