/**
 * The files of an optimizer's state: one of a process, or the shares of several.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { sizeOf } from "../../shapes.ts";
import { isAdamW, type ParameterGroup } from "../groups.ts";
import { savedGroups } from "./groups.ts";

/** A tensor in a file. */
export interface IncomingTensor {
  /** Shape. */
  shape: readonly number[];
  /** `count` elements from `start`. */
  readFloat32(start?: number, count?: number): Promise<Float32Array>;
}

/** One file of an optimizer's state: all of it, or the share of one process of several. */
export interface OptimizerShare {
  /** Which process saved it, from 0. */
  rank: number;
  /** What the torch reader gave for the file. */
  tree: unknown;
  /** What messages call it, such as the file's path. */
  name?: string;
}

/** From so many elements on, processes share AdamW's state of a parameter; less, all have all. */
export const SHARED_FROM = 1024;

/** An error about a file. */
export function faultOf({ name }: OptimizerShare, message: string): UserError {
  return new UserError(name === undefined ? message : `${name}: ${message}`);
}

/** Runs what reads a file; its errors name the file. */
export function reading<T>(share: OptimizerShare, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof UserError ? faultOf(share, error.message) : error;
  }
}

/**
 * How many processes saved a state, and which of their shares are missing.
 *
 * @param groups The groups of the optimizer that the state is for.
 * @param shares Some of its files.
 * @throws {UserError} when they are not of one state.
 */
export function findMissing(
  groups: readonly ParameterGroup[],
  shares: readonly OptimizerShare[],
): { world: number; missing: number[] } {
  const found = shares.map((share) => ({ share, world: worldOf(groups, share) }));
  const first = found.find(({ world }) => world !== undefined);
  const ranks = new Set(shares.map(({ rank }) => rank));
  const world = first?.world ?? Math.max(...ranks) + 1;
  for (const { share, world: its = world } of found) {
    if (its !== world) {
      throw faultOf(
        share,
        `it is ${ofProcesses(its)}, but the one of rank ${first!.share.rank} is ${
          ofProcesses(world)
        }`,
      );
    }
    if (share.rank >= world) {
      throw faultOf(share, `it is ${ofProcesses(world)}, which has no rank ${share.rank}`);
    }
  }
  const all = Array.from({ length: world }, (_, rank) => rank);
  return { world, missing: all.filter((rank) => !ranks.has(rank)) };
}

function ofProcesses(world: number): string {
  return world === 1 ? "the state of one process" : `a share of a state of ${world} processes`;
}

/** How many processes a file's tables say that there were; undefined if it has too small ones. */
function worldOf(groups: readonly ParameterGroup[], share: OptimizerShare): number | undefined {
  const { adamw } = reading(share, () => savedGroups(share.tree));
  const tables = groups.filter(isAdamW).flatMap(({ parameters }, i) =>
    parameters.map(({ shape }, j) => {
      const stored = tensorOf(adamw[i]?.state[j]?.get("exp_avg"))?.shape ?? shape;
      const parts = shape[0] / stored[0];
      return { isLarge: sizeOf(shape) >= SHARED_FROM, parts: Number.isInteger(parts) ? parts : 1 };
    })
  );
  const large = tables.find(({ isLarge }) => isLarge);
  return (large ?? tables.find(({ parts }) => parts > 1))?.parts;
}

/** What a file holds where a tensor should be. */
export function tensorOf(value: unknown): IncomingTensor | undefined {
  const tensor = value as IncomingTensor | null | undefined;
  return tensor?.shape ? tensor : undefined;
}
