import type { Device } from "../../device/mod.ts";
import { type Ranks, SINGLE } from "../../ranks/mod.ts";
import type { ParameterGroup } from "../groups.ts";
import { Optimizer } from "../optimizer.ts";
import { type OwnedGroups, stretchesOf } from "./ownership.ts";

/** What a rank has of an optimizer that several ranks share. */
export interface RankOptimizer {
  /** Where its state lies. */
  readonly device: Device;
  /** Those that share it. */
  readonly ranks: Ranks;
  /** The groups of the whole model. */
  readonly groups: readonly ParameterGroup[];
  /** What this rank updates of them. */
  readonly owned: OwnedGroups["owned"];
  /** The optimizer of that. */
  readonly own: Optimizer;
}

/** An optimizer as a rank has it: of one process alone, all of it. */
export function rankOptimizer(optimizer: Optimizer | RankOptimizer): RankOptimizer {
  if (!(optimizer instanceof Optimizer)) return optimizer;
  const { device, parts } = optimizer;
  const groups = parts.map(({ group }) => group);
  const owned = stretchesOf(groups, 0, 1).flat()
    .map((stretch) => ({ parameter: stretch.parameter, stretch }));
  return { device, ranks: SINGLE, groups, owned, own: optimizer };
}
