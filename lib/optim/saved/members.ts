/**
 * Which parameters a file's groups are of. Files do not name them: AdamW's groups have always had the
 * order of {@linkcode parameterGroups}; Muon's are told by the shapes of their matrices, which come
 * in the order of the blocks.
 *
 * @module
 */
import { isAdamW, isMuon, type OptimizerParameter, type ParameterGroup } from "../groups.ts";
import type { SavedGroup, SavedGroups } from "./groups.ts";
import { faultOf, type OptimizerShare, tensorOf } from "./shares.ts";

/** A file with its groups. */
export interface File {
  share: OptimizerShare;
  world: number;
  saved: SavedGroups;
}

/** Refuses a file whose groups of AdamW are not the optimizer's, or Muon's not the first file's. */
export function checkGroups(
  groups: readonly ParameterGroup[],
  { share, saved }: File,
  first: File,
): void {
  const adamw = groups.filter(isAdamW), muon = first.saved.muon;
  const counts = [["AdamW", adamw, saved.adamw], ["Muon", muon, saved.muon]] as const;
  for (const [name, expected, found] of counts) {
    if (found.length === expected.length) continue;
    throw faultOf(
      share,
      `its groups should be ${expected.length} of ${name}, not ${found.length}`,
    );
  }
  for (const [i, { parameters }] of adamw.entries()) {
    checkSize(share, saved.adamw[i], parameters[0].name, parameters.length);
  }
  for (const [i, { state }] of muon.entries()) {
    checkSize(share, saved.muon[i], `Muon's matrices number ${i}`, Math.max(1, state.length));
  }
}

function checkSize(share: OptimizerShare, group: SavedGroup, name: string, expected: number): void {
  if (group.state.length === expected) return;
  const has = Array.isArray(group.settings.get("params")) ? group.state.length : "none";
  throw faultOf(share, `its group of ${name} should be of ${expected} parameters, not ${has}`);
}

/**
 * The matrices of a Muon group, in the file's order. nanochat has always grouped them by shape or,
 * in one process until January 2026, by the number of elements: whatever shapes are found, the
 * group has all matrices of them.
 */
export function membersOf(
  groups: readonly ParameterGroup[],
  files: readonly File[],
  i: number,
): OptimizerParameter[] {
  const [{ share, saved: { muon } }] = files;
  const found = muon[i].state.map((_, j) => {
    const stored = files.map(({ saved }) =>
      tensorOf(saved.muon[i].state[j].get("momentum_buffer"))
    );
    return stored.find((tensor) => tensor !== undefined)?.shape.slice(-2).join();
  });
  const matrices = Map.groupBy(
    groups.filter(isMuon).flatMap(({ parameters }) => parameters),
    ({ shape }) => shape.join(),
  );
  // Stacks, and matrices that another process has, show no shape: theirs is that of the others.
  // A group without any state is told by its place.
  const usual = found.find((shape) => shape !== undefined) ??
    groups.filter(isMuon)[i]?.parameters[0].shape.join() ?? "";
  const shapes = found.map((shape) => shape ?? usual);
  const all = [...new Set(shapes)].flatMap((shape) => matrices.get(shape) ?? []);
  if (all.length === 0) throw faultOf(share, `its matrices (${usual}) should be the model's`);
  checkSize(share, muon[i], all[0].name, all.length);
  return shapes.map((shape) => {
    const next = matrices.get(shape)?.shift();
    if (next) return next;
    throw faultOf(share, `its matrices (${shape}) should be fewer, as the model's`);
  });
}

/** Refuses groups that leave a matrix out, or have it twice. */
export function checkMembers(
  groups: readonly ParameterGroup[],
  members: readonly OptimizerParameter[][],
  { share }: File,
): void {
  const grouped = members.flat();
  for (const parameter of groups.filter(isMuon).flatMap(({ parameters }) => parameters)) {
    const times = grouped.filter((member) => member === parameter).length;
    if (times === 1) continue;
    throw faultOf(
      share,
      `its groups should be of every matrix once, but ${parameter.name} is in ${times}`,
    );
  }
}

/** Refuses a file that has state of more parameters than its groups name. */
export function checkUnused({ share, saved: { unused } }: File): void {
  if (unused.length === 0) return;
  const some = unused.slice(0, 5).map((id) => typeof id === "number" ? id : "?").join(", ");
  throw faultOf(
    share,
    `it holds state of ${unused.length} parameters that the model lacks (number ${some})`,
  );
}
