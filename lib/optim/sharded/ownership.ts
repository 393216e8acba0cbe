/**
 * Which rank updates what: nanochat's `DistMuonAdamW`. AdamW's larger parameters are divided by
 * rows, Muon's groups by matrices, and smaller parameters are every rank's.
 *
 * @module
 */
import type { Device } from "../../device/mod.ts";
import { UserError } from "../../errors.ts";
import { sizeOf } from "../../shapes.ts";
import type { OptimizerParameter, ParameterGroup } from "../groups.ts";
import { SHARED_FROM } from "../saved/shares.ts";

/** A stretch of a parameter that a rank updates. */
export interface Stretch {
  /** Which parameter. */
  parameter: OptimizerParameter;
  /** Its first element. */
  start: number;
  /** How many elements. */
  count: number;
  /** Whether every rank updates it, all of it. */
  isReplicated: boolean;
}

/**
 * What a rank updates of each group, in order; nothing of a group of Muon's with fewer matrices than
 * there are ranks before it.
 *
 * @throws {UserError} when the rows of a parameter cannot be divided.
 */
export function stretchesOf(
  groups: readonly ParameterGroup[],
  rank: number,
  worldSize: number,
): Stretch[][] {
  return groups.map(({ kind, parameters }) => {
    if (kind === "muon") {
      const slots = slotsOf(parameters.length, worldSize);
      return parameters.slice(rank * slots, (rank + 1) * slots).map((parameter) => (
        { parameter, start: 0, count: sizeOf(parameter.shape), isReplicated: false }
      ));
    }
    return parameters.map((parameter): Stretch => {
      const { name, shape } = parameter, size = sizeOf(shape);
      if (size < SHARED_FROM) return { parameter, start: 0, count: size, isReplicated: true };
      if (shape[0] % worldSize !== 0) {
        throw new UserError(
          `${worldSize} ranks cannot share the ${shape[0]} rows of ${name}; ` +
            `take a number of ranks that divides them`,
        );
      }
      const count = size / worldSize;
      return { parameter, start: rank * count, count, isReplicated: false };
    });
  });
}

/** Matrices of a Muon group that a rank has room for. */
export function slotsOf(matrices: number, worldSize: number): number {
  return Math.ceil(matrices / worldSize);
}

/** What this rank updates, as parameters of an optimizer of its own. */
export interface OwnedGroups {
  /** The groups of which it has something, with its stretches as parameters. */
  groups: ParameterGroup[];
  /** The parameter of {@link groups} for each stretch, and the stretch. */
  owned: { parameter: OptimizerParameter; stretch: Stretch }[];
}

/**
 * Makes this rank's stretches parameters of their own: rows of a table are copies, with values and
 * gradients that are zero until they are written; whole parameters are themselves.
 *
 * @throws {UserError} when the device cannot hold them, or they cannot be divided.
 */
export function ownedGroups(
  device: Device,
  groups: readonly ParameterGroup[],
  rank: number,
  worldSize: number,
): OwnedGroups {
  const stretches = stretchesOf(groups, rank, worldSize);
  const owned: OwnedGroups["owned"] = [];
  const own = groups.map((group, i) => {
    const parameters = stretches[i].map((stretch) => {
      const parameter = ownParameter(device, stretch, worldSize);
      owned.push({ parameter, stretch });
      return parameter;
    });
    return { ...group, parameters };
  });
  return { groups: own.filter(({ parameters }) => parameters.length > 0), owned };
}

function ownParameter(
  device: Device,
  { parameter, count }: Stretch,
  worldSize: number,
): OptimizerParameter {
  const { name, shape: [rows, ...rest], value, value: { dtype } } = parameter;
  if (count === value.size) return parameter;
  const shape = [rows / worldSize, ...rest];
  return {
    ...parameter,
    shape,
    value: device.allocate(`this rank's rows of ${name}`, shape, dtype),
    gradient: device.allocate(`gradient of this rank's rows of ${name}`, shape, dtype),
  };
}
