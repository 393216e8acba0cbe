/**
 * Which numbers of which file belong to which parameter. Muon's state lies in stacks, or parameter
 * by parameter as until January 2026; which of the two, the file shows. Nothing but the trees is
 * read for it.
 *
 * @module
 */
import { sizeOf } from "../../shapes.ts";
import {
  type AdamWGroup,
  isAdamW,
  type OptimizerParameter,
  type ParameterGroup,
} from "../groups.ts";
import { type SavedEntries, type SavedGroup, savedGroups } from "./groups.ts";
import { checkGroups, checkMembers, checkUnused, type File, membersOf } from "./members.ts";
import {
  faultOf,
  type IncomingTensor,
  type OptimizerShare,
  reading,
  SHARED_FROM,
  tensorOf,
} from "./shares.ts";

/** Some numbers of a file. */
export interface SavedPiece {
  /** The file they are in. */
  share: OptimizerShare;
  /** What messages call it: the parameter, or the first of its group. */
  where: string;
  /** PyTorch's name of the state, such as `exp_avg`. */
  key: string;
  /** The tensor that they are in. */
  tensor: IncomingTensor;
  /** The first of them in the tensor. */
  from: number;
  /** How many. */
  count: number;
  /** Where they belong; undefined for what fills the last stack up, which must be zero. */
  target?: {
    /** The parameter whose state they are. */
    parameter: OptimizerParameter;
    /** The element of that state with which they begin. */
    start: number;
  };
  /** The first process's tensor, where every process has the whole state: it must be the same. */
  sameAs?: IncomingTensor;
}

/** The stored step counts of a parameter trained by AdamW. */
export interface SavedStep {
  /** The file it is in. */
  share: OptimizerShare;
  /** The group that it should agree in. */
  group: AdamWGroup;
  /** Whose. */
  parameter: OptimizerParameter;
  /** A number, or a tensor of one. */
  step: unknown;
}

/** A whole state. */
export interface SavedState {
  /** Every number of it. */
  pieces: SavedPiece[];
  /** Every count of steps. */
  steps: SavedStep[];
  /** Whether Muon's second momentum was saved, which there is since January 2026. */
  hasSecondMomentum: boolean;
}

/**
 * Finds every number of a state in its shares. All of them are checked to add up to the state of
 * the optimizer and to nothing else.
 *
 * @param groups The groups of the optimizer.
 * @param shares Files of the state, the first process's first; of the others, some may be missing.
 * @param world How many processes saved it.
 * @throws {UserError} naming the file and the parameter that is not as it should be.
 */
export function findState(
  groups: readonly ParameterGroup[],
  shares: readonly OptimizerShare[],
  world: number,
): SavedState {
  const files = shares.map((share): File => ({
    share,
    world,
    saved: reading(share, () => savedGroups(share.tree)),
  }));
  for (const file of files) checkGroups(groups, file, files[0]);
  const [{ saved: first }] = files;
  const members = first.muon.map((_, i) => membersOf(groups, files, i));
  checkMembers(groups, members, files[0]);
  files.forEach(checkUnused);
  const has = (key: string) =>
    files.some(({ saved }) => saved.muon.some(({ state }) => state.some((its) => its.has(key))));
  const state: SavedState = {
    pieces: [],
    steps: [],
    hasSecondMomentum: has("second_momentum_buffer"),
  };
  for (const file of files) {
    for (const [i, group] of groups.filter(isAdamW).entries()) {
      findAdamW(file, group, file.saved.adamw[i], first.adamw[i], state);
    }
    for (const [i, matrices] of members.entries()) {
      const isStacked = files.some(({ saved }) =>
        tensorOf(saved.muon[i].state[0].get("momentum_buffer"))?.shape.length === 3
      );
      const find = isStacked ? findStack : findMatrices;
      find(file, matrices, file.saved.muon[i], state);
    }
  }
  return state;
}

/** The state of a file's AdamW group. */
function findAdamW(
  { share, world }: File,
  group: AdamWGroup,
  { state }: SavedGroup,
  first: SavedGroup,
  found: SavedState,
): void {
  for (const [offset, parameter] of group.parameters.entries()) {
    const { name, shape } = parameter, entries = state[offset];
    // Until January 2026 small ones were split too.
    const stored = tensorOf(entries.get("exp_avg"))?.shape;
    const isSplit = world > 1 &&
      (sizeOf(shape) >= SHARED_FROM || stored?.[0] === shape[0] / world);
    const wanted = isSplit ? [shape[0] / world, ...shape.slice(1)] : [...shape];
    const moments = { exp_avg: wanted, exp_avg_sq: wanted };
    for (const [key, tensor] of tensorsOf(share, entries, name, moments, ["step"])) {
      const count = sizeOf(wanted), start = isSplit ? share.rank * count : 0;
      const piece = { share, where: name, key, tensor, from: 0, count };
      found.pieces.push(
        isSplit || state === first.state
          ? { ...piece, target: { parameter, start } }
          : { ...piece, sameAs: tensorOf(first.state[offset].get(key)) },
      );
    }
    found.steps.push({ share, group, parameter, step: entries.get("step") });
  }
}

/** The shapes of a Muon group's state: of one matrix, or with `n` of a stack. */
export function muonShapes(
  [rows, cols]: readonly number[],
  hasSecond: boolean,
  ...n: number[]
): Record<string, readonly number[]> {
  const momentum_buffer = [...n, rows, cols];
  if (!hasSecond) return { momentum_buffer };
  const reduced = rows >= cols ? [rows, 1] : [1, cols];
  return { momentum_buffer, second_momentum_buffer: [...n, ...reduced] };
}

/** The state of a file's Muon group as stacks: process r has the r-th part of the group. */
function findStack(
  { share, world }: File,
  matrices: readonly OptimizerParameter[],
  { state, settings }: SavedGroup,
  found: SavedState,
): void {
  const [{ name: where, shape }] = matrices;
  const slots = Math.ceil(matrices.length / world);
  const said = settings.get("chunk_size");
  if (said !== undefined && said !== slots) {
    throw faultOf(share, `its chunk_size of the group of ${where} should be ${slots}, not ${said}`);
  }
  const shapes = muonShapes(shape, found.hasSecondMomentum, slots);
  for (const [offset, { name }] of matrices.entries()) {
    for (const [key, tensor] of tensorsOf(share, state[offset], name, offset > 0 ? {} : shapes)) {
      const count = sizeOf(tensor.shape) / slots;
      for (let slot = 0; slot < slots; slot++) {
        const parameter: OptimizerParameter | undefined = matrices[share.rank * slots + slot];
        const piece = { share, where, key, tensor, from: slot * count, count };
        found.pieces.push(parameter ? { ...piece, target: { parameter, start: 0 } } : piece);
      }
    }
  }
}

/** The state of a file's Muon group by matrices, which the processes take in turn. */
function findMatrices(
  { share, world }: File,
  matrices: readonly OptimizerParameter[],
  { state }: SavedGroup,
  found: SavedState,
): void {
  for (const [offset, parameter] of matrices.entries()) {
    const { name, shape } = parameter;
    const isOwned = offset % world === share.rank;
    const shapes = isOwned ? muonShapes(shape, found.hasSecondMomentum) : {};
    for (const [key, tensor] of tensorsOf(share, state[offset], name, shapes)) {
      const count = sizeOf(tensor.shape), target = { parameter, start: 0 };
      found.pieces.push({ share, where: name, key, tensor, from: 0, count, target });
    }
  }
}

/** The tensors of a parameter's entries, after they were found to be those and no others. */
function tensorsOf(
  share: OptimizerShare,
  entries: SavedEntries,
  where: string,
  shapes: Record<string, readonly number[]>,
  others: readonly string[] = [],
): [key: string, IncomingTensor][] {
  const known = [...Object.keys(shapes), ...others];
  const unknown = [...entries.keys()].find((key) => !known.includes(key as string));
  if (unknown !== undefined) {
    const what = typeof unknown === "string" ? JSON.stringify(unknown.slice(0, 80)) : "an entry";
    throw faultOf(share, `its state of ${where} has ${what}, which the optimizer here lacks`);
  }
  return Object.entries(shapes).map(([key, shape]) => {
    const tensor = tensorOf(entries.get(key));
    if (tensor?.shape.join() === shape.join()) return [key, tensor];
    const has = tensor ? `(${tensor.shape})` : "nothing";
    throw faultOf(share, `its ${key} of ${where} should be (${shape}), not ${has}`);
  });
}
