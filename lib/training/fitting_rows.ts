/**
 * How many rows of a micro-batch a device has room for.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { ComputeType } from "../model/mod.ts";
import { SINGLE } from "../ranks/mod.ts";
import type { ModelShape } from "./count_answers.ts";
import { countTraining, type WhatElse } from "./count_memory.ts";
import { accumulationSteps, type InheritedSettings, stepTokensOf } from "./settings.ts";

/** How large a step is. */
export type StepSize = Pick<InheritedSettings, "maxSeqLen" | "totalBatchSize">;

/** The most rows that fit in a type, by what is kept of a layer. */
export interface Fitting {
  /** In which type the model computes. */
  dtype: ComputeType;
  /** All of its activations. */
  kept: number;
  /** Its input alone. */
  recomputed: number;
}

/** What a device has room for, found out once where it does not say. */
export class Room {
  /** Bytes that it has, and that it has not. */
  #has = 0;
  #lacks = Infinity;

  /** Nothing is known yet. */
  constructor(readonly device: Hardware) {}

  /** Whether there is room for what one that counts was given. */
  async has(counted: Hardware): Promise<boolean> {
    const { peak } = counted.memory;
    if (peak > this.#has && peak < this.#lacks) {
      if (await this.device.fits(counted)) this.#has = peak;
      else this.#lacks = peak;
    }
    return peak <= this.#has;
  }
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

/**
 * The most rows of a micro-batch that a device has room for: a power of two of which an optimizer
 * step holds a whole number on every rank. 0 where not even one fits.
 *
 * @param run What else the run does; measuring takes memory too.
 * @param room What is known of the device already.
 * @throws {UserError} where a step holds no whole number of rows.
 */
export async function mostRows(
  device: Hardware,
  shape: ModelShape,
  size: StepSize,
  run: WhatElse = {},
  room: Room = new Room(device),
): Promise<number> {
  const { maxSeqLen: T } = size, { limit } = device.memory;
  const stepTokens = stepTokensOf(size, run.ranks?.worldSize);
  const count = (rows: number) =>
    orMemoryError(countTraining(device, shape, { rows, T, stepTokens, ...run }));
  const fits = async (rows: number) => {
    const counted = await count(rows);
    return !(counted instanceof UserError) && await room.has(counted.counted);
  };
  const all = rowsOfStep(size, run), first = await count(1);
  if (first instanceof UserError || !await room.has(first.counted)) return 0;
  if (limit < Infinity) {
    // Beside activations, more rows need no less.
    const most = 1 + (limit - first.total) / first.activationsPerRow;
    let at = all.findLastIndex((rows) => rows <= most);
    while (at > 0 && !await fits(all[at])) at--;
    return all[at];
  }
  // Where the device does not say what it has, as little as possible is asked for.
  let at = 0;
  while (at + 1 < all.length && await fits(all[at + 1])) at++;
  return all[at];
}

/** {@link mostRows}, by what is kept of a layer. */
export async function fittingRows(
  device: Hardware,
  shape: ModelShape,
  size: StepSize,
  run: WhatElse,
  room: Room,
): Promise<Pick<Fitting, "kept" | "recomputed">> {
  const most = (recompute: boolean) => mostRows(device, shape, size, { ...run, recompute }, room);
  const kept = await most(false);
  const isAll = kept === rowsOfStep(size, run).at(-1);
  return { kept, recomputed: isAll ? kept : await most(true) };
}

/** The rows that may fit, ascending. */
function rowsOfStep({ maxSeqLen: T, totalBatchSize }: StepSize, { ranks }: WhatElse): number[] {
  const { worldSize } = ranks ?? SINGLE, all = [1];
  accumulationSteps({ maxSeqLen: T, totalBatchSize, deviceBatchSize: 1 }, worldSize);
  while (totalBatchSize % (2 * all.at(-1)! * T * worldSize) === 0) all.push(2 * all.at(-1)!);
  return all;
}
