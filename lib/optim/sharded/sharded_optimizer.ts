/**
 * The optimizer that several ranks have together: nanochat's `DistMuonAdamW`. Each sums the gradients
 * of what it updates, keeps moments for that alone, and gives the others the new values.
 *
 * @module
 */
import type { Device, Guard } from "../../device/mod.ts";
import type { Ranks } from "../../ranks/mod.ts";
import type { ParameterGroup } from "../groups.ts";
import type { MuonOptions } from "../muon.ts";
import { Optimizer } from "../optimizer.ts";
import { type Bucket, GradientExchange, type ReduceDtype } from "./gradient_exchange.ts";
import { type OwnedGroups, ownedGroups, type Stretch, stretchesOf } from "./ownership.ts";
import type { RankOptimizer } from "./rank_optimizer.ts";
import { gatherValues } from "./value_gather.ts";
import { type Piece, type Wave, wavesOf } from "./waves.ts";

/** How ranks share an optimizer. */
export interface ShardedOptions {
  /** How Muon is varied. */
  muon?: MuonOptions;
  /**
   * Names of all parameters, in lists of those whose gradients are final at the same time, in that
   * order; `backwardOrder` of a model.
   */
  order: readonly (readonly string[])[];
  /** Type in which gradients are sent; float32 unless given. */
  reduceDtype?: ReduceDtype;
}

/** AdamW and Muon over the groups of a model, shared by ranks. */
export class ShardedOptimizer implements RankOptimizer {
  /** What this rank updates. */
  readonly owned: OwnedGroups["owned"];
  /** The optimizer of that. */
  readonly own: Optimizer;
  readonly #buckets: Bucket[];
  /** What every rank sums. */
  readonly #replicated: Piece[];
  /** In which new values are gathered. */
  readonly #waves: Wave[];
  readonly #reduceDtype: ReduceDtype;
  #exchange: GradientExchange | undefined;

  private constructor(
    /** Where this rank's part lies. */
    readonly device: Device,
    /** The groups of the whole model. */
    readonly groups: readonly ParameterGroup[],
    /** Those that share it. */
    readonly ranks: Ranks,
    { muon, order, reduceDtype = "float32" }: ShardedOptions,
  ) {
    const { rank, worldSize } = ranks;
    const { groups: own, owned } = ownedGroups(device, groups, rank, worldSize);
    this.owned = owned;
    this.own = new Optimizer(device, own, muon);
    this.#reduceDtype = reduceDtype;
    const ownStretches = owned.map(({ stretch }) => stretch);
    const stretches = Array.from(
      { length: worldSize },
      (_, r) => r === rank ? ownStretches : stretchesOf(groups, r, worldSize).flat(),
    );
    this.#replicated = ownStretches.filter(({ isReplicated }) => isReplicated)
      .map((stretch) => ({ stretch, start: 0, count: stretch.count }));
    // Of what every rank updates, rank 0's is everyone's: devices of several makes may round it
    // differently.
    this.#waves = wavesOf(
      stretches.map((its, r) => its.filter(({ isReplicated }) => r === 0 || !isReplicated)),
    );
    this.#buckets = bucketsOf(groups, stretches, order);
  }

  /**
   * Allocates fresh state for what this rank updates, and takes its values over from the model.
   *
   * @param device Where the model lies.
   * @param groups The groups of the whole model, on every rank alike.
   * @param ranks Those that share it.
   * @throws {UserError} when the device cannot hold it, or a table's rows cannot be divided.
   */
  static async open(
    device: Device,
    groups: readonly ParameterGroup[],
    ranks: Ranks,
    options: ShardedOptions,
  ): Promise<ShardedOptimizer> {
    const optimizer = new ShardedOptimizer(device, groups, ranks, options);
    for (const { parameter, stretch } of optimizer.owned) {
      const { parameter: { value }, start, count } = stretch;
      if (parameter.value === value) continue;
      device.write(parameter.value, await device.read(value, start, count));
    }
    return optimizer;
  }

  /** See {@linkcode Optimizer.guard}; on all ranks the same. */
  get guard(): Guard {
    return this.own.guard;
  }

  /**
   * Begins a step: its gradients can be handed over from now on. All ranks call it.
   *
   * @param touched Rows of the tables that this rank's micro-batches have a gradient for, in order,
   * by name; on all ranks of the same tables. The others are taken to be zero.
   */
  begin(touched: ReadonlyMap<string, Int32Array> = new Map()): GradientExchange {
    return this.#exchange = new GradientExchange({
      device: this.device,
      ranks: this.ranks,
      buckets: this.#buckets,
      replicated: this.#replicated,
      reduceDtype: this.#reduceDtype,
    }, touched);
  }

  /**
   * Takes the step whose gradients were handed over: updates what is this rank's from their mean, and
   * takes over what the others updated. As {@linkcode Optimizer.step} it changes nothing where
   * something is not finite, on any rank.
   *
   * @param multiplier Of every group's learning rate; on all ranks the same, as all that follows.
   * @param mu Muon's momentum coefficient.
   * @param agreed How many ranks had something to learn from, whether all sums are finite, and what
   * takes back the scale that the loss had, 1 unless given.
   */
  async step(
    multiplier: number,
    mu: number,
    { contributors, isFinite, gradientScale = 1 }: {
      contributors: number;
      isFinite: boolean;
      gradientScale?: number;
    },
  ): Promise<void> {
    const { device, guard } = this, exchange = this.#exchange;
    if (!exchange) throw new Error("no step was begun");
    this.#exchange = undefined;
    if (!isFinite) device.write(guard, Int32Array.of(1));
    const gradients = new Map(
      this.owned.map(({ parameter, stretch }) => [stretch, parameter.gradient!]),
    );
    for (const [{ stretch, start }, sum] of exchange.sums) {
      divide(sum, contributors);
      device.write(gradients.get(stretch)!, sum, start - stretch.start);
    }
    this.own.step(multiplier, mu, undefined, gradientScale);
    if (isFinite) await gatherValues(device, this.ranks, this.#waves, this.owned);
  }

  /** Takes the count of steps back by those that {@link guard} kept from being applied. */
  takeBack(steps: number): void {
    this.own.takeBack(steps);
  }

  /** Gives all memory back. */
  free(): void {
    this.own.free();
    for (const { parameter: { value, gradient }, stretch } of this.owned) {
      if (value === stretch.parameter.value) continue;
      for (const tensor of [value, gradient!]) this.device.free(tensor);
    }
  }
}

/** Divides each number; −0 becomes 0, as in rows that nobody touched. */
function divide(values: Float32Array, by: number): void {
  for (let i = 0; i < values.length; i++) values[i] = values[i] / by + 0;
}

function bucketsOf(
  groups: readonly ParameterGroup[],
  stretches: readonly (readonly Stretch[])[],
  order: readonly (readonly string[])[],
): Bucket[] {
  const parameters = groups.flatMap(({ parameters }) => parameters);
  const names = parameters.map(({ name }) => name);
  if (order.flat().toSorted().join() !== names.toSorted().join()) {
    throw new TypeError("the order of gradients must have every parameter of the groups once");
  }
  return order.map((names) => {
    const inside = new Set(names);
    const its = stretches.map((all) =>
      all.filter(({ parameter, isReplicated }) => !isReplicated && inside.has(parameter.name))
    );
    const shared = new Set(its.flat().map(({ parameter }) => parameter));
    return { parameters: [...shared], waves: wavesOf(its) };
  });
}
