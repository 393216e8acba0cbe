/**
 * Filling an optimizer with a state that PyTorch or this package saved, as one process or as
 * several.
 *
 * @module
 */
import type { Device, Tensor } from "../device/mod.ts";
import { pause } from "../pause.ts";
import { slices } from "../tensor_source.ts";
import { AdamW } from "./adamw.ts";
import { isAdamW, type OptimizerParameter, type ParameterGroup } from "./groups.ts";
import { type Ranks, together } from "../ranks/mod.ts";
import type { Muon } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";
import { faultOf, findMissing, type IncomingTensor, type OptimizerShare } from "./saved/shares.ts";
import { findState, type SavedPiece, type SavedState, type SavedStep } from "./saved/state.ts";
import { type RankOptimizer, rankOptimizer } from "./sharded/rank_optimizer.ts";

/** What there was of a state that was loaded. */
export interface LoadedState {
  /**
   * Whether it had Muon's second momentum, which nanochat has since January 2026; without, it begins
   * at zero, as in a fresh optimizer.
   */
  hasSecondMomentum: boolean;
}

/** Which shares of a state there are not. */
export interface MissingShares {
  /** How many processes saved the state. */
  world: number;
  /** The ranks of those whose shares are missing. */
  missing: number[];
}

/**
 * Fills the optimizer's moments and step counts from a state that PyTorch (or this package) saved;
 * learning rates and other settings stay as they are. Every layout that nanochat's files have had
 * is read. All or nothing: where anything of it is not as it should be, every moment and step count
 * is zero afterwards, as in a fresh optimizer.
 *
 * @param tree What the torch reader gave for the file.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} when the state is of another model or optimizer, or is damaged; the message
 * names the parameter.
 */
export function loadOptimizerState(
  optimizer: Optimizer,
  tree: unknown,
  signal?: AbortSignal,
): Promise<LoadedState> {
  return loadOptimizerShares(optimizer, [{ rank: 0, tree }], signal);
}

/**
 * As {@link loadOptimizerState}, from the shares that several processes saved. An optimizer that ranks
 * share takes them over on all ranks or on none, which all call this at once: each reads what it has
 * a place for, and one of them the whole of each tensor, so that nothing goes unchecked.
 *
 * @param shares One of each process that saved the state, however many load it. Their tensors are read
 * piece by piece.
 * @param stop Called where another rank was stopped.
 * @throws {UserError} when one is missing too, or they are not of one state; the message names the
 * share, and the rank that found it where that is another.
 */
export async function loadOptimizerShares(
  optimizer: Optimizer | RankOptimizer,
  shares: readonly OptimizerShare[],
  signal?: AbortSignal,
  stop?: () => void,
): Promise<LoadedState> {
  const taker = rankOptimizer(optimizer), { device, ranks, own } = taker;
  try {
    return await together({ ranks, signal, stop }, () => take(taker, shares, signal));
  } catch (error) {
    for (const part of own.parts) {
      if (part instanceof AdamW) part.steps = 0;
      for (const [, places] of placesOf(part)) {
        for (const { tensor: x } of Object.values(places)) device.zero({ x });
      }
    }
    throw error;
  }
}

/** Takes over what this rank has a place for. */
async function take(
  optimizer: RankOptimizer,
  shares: readonly OptimizerShare[],
  signal?: AbortSignal,
): Promise<LoadedState> {
  const { device, ranks, groups, own, owned } = optimizer;
  const { pieces, steps, hasSecondMomentum, world, missing } = find(groups, shares);
  if (missing.length > 0) {
    const ranks = missing.map((rank) => `rank ${rank}`).join(", ");
    throw faultOf(shares[0], `missing of its ${world} shares: ${ranks}`);
  }
  const counts = await readSteps(steps);
  if (ranks.rank === 0) await refuseCopies(pieces);
  const places = new Map(own.parts.flatMap(placesOf));
  const kept = new Map(owned.map(({ parameter, stretch }): [OptimizerParameter, Kept] => [
    stretch.parameter,
    { start: stretch.start, count: stretch.count, places: places.get(parameter)! },
  ]));
  const checked = checkedTensors(pieces, world, ranks);
  for (const piece of pieces) {
    const wanted = partOf(piece, piece.target && kept.get(piece.target.parameter));
    const read = checked.has(piece.tensor) ? { start: 0, count: piece.count } : wanted;
    if (read) await copy(device, piece, read, wanted, signal);
  }
  const adamw = own.parts.filter((part) => part instanceof AdamW);
  for (const [i, group] of groups.filter(isAdamW).entries()) adamw[i].steps = counts.get(group)!;
  return { hasSecondMomentum };
}

/**
 * How many processes saved a state, and which of their shares are missing. Only the files' trees are
 * looked at.
 *
 * @param shares Some of the shares.
 * @throws {UserError} when they are not of one state of this optimizer.
 */
export function missingShares(
  optimizer: Optimizer | RankOptimizer,
  shares: readonly OptimizerShare[],
): MissingShares {
  const { world, missing } = find(rankOptimizer(optimizer).groups, shares);
  return { world, missing };
}

function find(
  groups: readonly ParameterGroup[],
  shares: readonly OptimizerShare[],
): SavedState & MissingShares {
  const sorted = shares.toSorted((a, b) => a.rank - b.rank);
  const { world, missing } = findMissing(groups, sorted);
  return { ...findState(groups, sorted, world), world, missing };
}

/** Where the device keeps a parameter's state: which tensor, and where it begins there. */
type Places = Record<string, { tensor: Tensor; start: number }>;

function placesOf(part: AdamW | Muon): [OptimizerParameter, Places][] {
  if (part instanceof AdamW) {
    return part.moments.map(({ parameter, m, v }) => [
      parameter,
      { exp_avg: { tensor: m, start: 0 }, exp_avg_sq: { tensor: v, start: 0 } },
    ]);
  }
  return part.stacks.flatMap(({ parameters, momentum, secondMomentum }) => {
    const at = (tensor: Tensor, slot: number) => (
      { tensor, start: slot * tensor.size / parameters.length }
    );
    return parameters.map((parameter, slot): [OptimizerParameter, Places] => [
      parameter,
      { momentum_buffer: at(momentum, slot), second_momentum_buffer: at(secondMomentum, slot) },
    ]);
  });
}

/** The steps that each group of AdamW has taken, on which all shares agree. */
async function readSteps(steps: readonly SavedStep[]): Promise<Map<ParameterGroup, number>> {
  const counts = new Map<ParameterGroup, number>();
  const firsts = new Map<ParameterGroup, SavedStep>();
  for (const saved of steps) {
    const { share, group, parameter: { name } } = saved;
    const step = await readStep(saved);
    const first = firsts.get(group) ?? saved, expected = counts.get(group) ?? step;
    if (step !== expected) {
      const as = first.share === share ? "its group's" : `in the share of rank ${first.share.rank}`;
      throw faultOf(share, `its step of ${name} should be ${expected} as ${as}, not ${step}`);
    }
    firsts.set(group, first);
    counts.set(group, step);
  }
  return counts;
}

/** A count of steps: a number, or a tensor that holds one, as PyTorch's own AdamW keeps it. */
async function readStep({ share, parameter, step: stored }: SavedStep): Promise<number> {
  const tensor = stored as IncomingTensor | null | undefined;
  const isTensor = tensor?.shape?.every((size) => size === 1) === true;
  const step = isTensor ? (await tensor.readFloat32())[0] : stored;
  if (typeof step === "number" && Number.isSafeInteger(step) && step >= 0) return step;
  const has = typeof step === "number" ? step : step === undefined ? "missing" : "something else";
  const message = `its step of ${parameter.name} should be a whole number from 0, but is ${has}`;
  throw faultOf(share, message);
}

/** Refuses a share that is another once more: both have the same rows of the first table. */
async function refuseCopies(pieces: readonly SavedPiece[]): Promise<void> {
  const { key: firstKey, target: first } = pieces[0];
  const seen = new Map<string, number>();
  for (const { share, key, where, tensor, target, count: all } of pieces) {
    if (key !== firstKey || !target || target.parameter !== first?.parameter) continue;
    const [{ start, count }] = slices(all);
    const values = await tensor.readFloat32(start, count);
    const digest = await crypto.subtle.digest("SHA-256", Float32Array.from(values));
    const text = new Uint8Array(digest).toHex();
    const rank = seen.get(text);
    if (rank !== undefined && values.some((value) => value !== 0)) {
      throw faultOf(
        share,
        `its ${key} of ${where} is that of rank ${rank}, as in a copy of its share`,
      );
    }
    seen.set(text, share.rank);
  }
}

/** What this rank keeps of a parameter's state. */
interface Kept {
  /** The first element. */
  start: number;
  /** How many. */
  count: number;
  /** Where they are kept. */
  places: Places;
}

/** Some elements of a piece, and where they go. */
interface PiecePart {
  start: number;
  count: number;
  tensor: Tensor;
  /** Where the first of them goes in `tensor`. */
  place: number;
}

/** What of a piece has a place on this rank. */
function partOf({ key, target, count: all }: SavedPiece, kept?: Kept): PiecePart | undefined {
  if (!target || !kept) return undefined;
  const from = Math.max(target.start, kept.start);
  const count = Math.min(target.start + all, kept.start + kept.count) - from;
  if (count <= 0) return undefined;
  const { tensor, start } = kept.places[key];
  return { start: from - target.start, count, tensor, place: start + from - kept.start };
}

/**
 * The tensors that this rank reads from beginning to end, so that their checksums are compared and
 * what no rank keeps is looked at. Shares lie as evenly as ranks: it is one that needs most of it.
 */
function checkedTensors(
  pieces: readonly SavedPiece[],
  world: number,
  { rank, worldSize }: Ranks,
): Set<IncomingTensor> {
  const checked = new Set<IncomingTensor>();
  const ranksOfShare = Math.max(1, Math.floor(worldSize / world));
  for (const [, ofShare] of Map.groupBy(pieces, ({ share }) => share)) {
    const first = Math.floor(ofShare[0].share.rank * worldSize / world);
    for (const [i, tensor] of [...new Set(ofShare.map(({ tensor }) => tensor))].entries()) {
      if (first + i % ranksOfShare === rank) checked.add(tensor);
    }
  }
  return checked;
}

/** Reads some of a piece, checks it, and copies what is wanted to where the device keeps it. */
async function copy(
  device: Device,
  { share, where, key, tensor, from, target, sameAs }: SavedPiece,
  read: { start: number; count: number },
  wanted: PiecePart | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const isSquare = key === "exp_avg_sq" || key === "second_momentum_buffer";
  for (const slice of slices(read.count)) {
    await pause(signal);
    const start = read.start + slice.start, { count } = slice;
    const values = await tensor.readFloat32(from + start, count);
    const wrong = values.find((value) => !Number.isFinite(value) || isSquare && value < 0);
    if (wrong !== undefined) {
      throw faultOf(share, `its ${key} of ${where} holds ${wrong}, which no training gives`);
    }
    if (wanted) {
      const first = Math.max(start, wanted.start);
      const end = Math.min(start + count, wanted.start + wanted.count);
      if (first >= end) continue;
      const part = values.subarray(first - start, end - start);
      device.write(wanted.tensor, part, wanted.place + first - wanted.start);
    } else if (sameAs) {
      const first = await sameAs.readFloat32(start, count);
      if (values.every((value, i) => value === first[i])) continue;
      throw faultOf(share, `its ${key} of ${where} should be the same as in the share of rank 0`);
    } else if (!target && values.some((value) => value !== 0)) {
      throw faultOf(share, `its ${key} of ${where} should be zero past the last of the group`);
    }
  }
}
