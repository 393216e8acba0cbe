/**
 * The optimizer's state in the form PyTorch saves it, so that nanochat continues runs of this
 * package: that of one process, or the shares of several.
 *
 * @module
 */
import type { Device, Tensor } from "../device/mod.ts";
import { sizeOf } from "../shapes.ts";
import type { TensorSource } from "../tensor_source.ts";
import { AdamW } from "./adamw.ts";
import { isAdamW, type ParameterGroup } from "./groups.ts";
import type { Muon } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";
import { muonShapes } from "./saved/state.ts";
import { slotsOf, stretchesOf } from "./sharded/ownership.ts";
import { type RankOptimizer, rankOptimizer } from "./sharded/rank_optimizer.ts";

/** What {@link optimizerState} gives: a tree of maps, lists, numbers and tensors. */
export interface OptimizerState {
  /** State by PyTorch's number of a parameter; a Muon group's is under its first. */
  state: Map<number, Record<string, number | TensorSource>>;
  /** Settings of each group and the numbers of its parameters. */
  param_groups: Record<string, unknown>[];
}

/** Where a run stands, for what is recorded with the groups; nanochat sets it anew. */
export interface StateTime {
  /** The learning rate's multiplier. */
  multiplier: number;
  /** Muon's momentum coefficient. */
  mu: number;
}

/** A tensor of a rank's state, under its PyTorch name. */
export interface StateEntry {
  /** PyTorch's number of the parameter it belongs to; a Muon group's belong to its first. */
  id: number;
  /** Such as `exp_avg`. */
  name: string;
  /** Shape in the rank's file. */
  shape: readonly number[];
  /** Element type in the file: moments of a table in bfloat16 are so there, as nanochat's. */
  dtype: "float32" | "bfloat16";
  /** Whether every rank has it, all of it. */
  isReplicated: boolean;
}

/**
 * The tensors of a rank's file, in order: they follow from the groups alone. A rank that has no
 * matrix of a Muon group has stacks like the others.
 */
export function entriesOf(
  groups: readonly ParameterGroup[],
  rank: number,
  worldSize: number,
): StateEntry[] {
  const stretches = stretchesOf(groups, rank, worldSize);
  let first = 0;
  return groups.flatMap(({ kind, parameters }, i): StateEntry[] => {
    const id = first;
    first += parameters.length;
    if (kind === "muon") {
      const shapes = muonShapes(parameters[0].shape, true, slotsOf(parameters.length, worldSize));
      return Object.entries(shapes)
        .map(([name, shape]) => ({ id, name, shape, dtype: "float32", isReplicated: false }));
    }
    return stretches[i].flatMap(({ parameter, count, isReplicated }, offset) => {
      const { shape, shape: [rows, ...rest], value } = parameter;
      const dtype = value.dtype === "bfloat16" ? value.dtype : "float32";
      const own = count === sizeOf(shape) ? shape : [rows / worldSize, ...rest];
      return ["exp_avg", "exp_avg_sq"]
        .map((name) => ({ id: id + offset, name, shape: own, dtype, isReplicated }));
    });
  });
}

/** What this rank has of each of its entries, in their order. */
export function ownTensors(optimizer: RankOptimizer): TensorSource[] {
  const { device, groups, ranks: { rank, worldSize }, own } = optimizer;
  const parts = own.parts.values();
  const tensors = stretchesOf(groups, rank, worldSize).flatMap((stretches) =>
    stretches.length === 0 ? [[], []] : tensorsOf(parts.next().value!)
  );
  return entriesOf(groups, rank, worldSize)
    .map((entry, i) => joined(device, entry, tensors[i]));
}

/** The tensors of a part's entries: of each entry one stack after the other. */
function tensorsOf(part: AdamW | Muon): Tensor[][] {
  if (part instanceof AdamW) return part.moments.flatMap(({ m, v }) => [[m], [v]]);
  return [
    part.stacks.map(({ momentum }) => momentum),
    part.stacks.map(({ secondMomentum }) => secondMomentum),
  ];
}

/** Tensors on a device as one, one after the other; what they do not fill is zero. */
function joined(device: Device, { shape, dtype }: StateEntry, tensors: Tensor[]): TensorSource {
  return {
    dtype,
    shape: [...shape],
    async read(start, count) {
      let values: Float32Array | undefined;
      const parts: Promise<void>[] = [];
      let origin = 0; // where the tensor begins among all elements
      for (const tensor of tensors) {
        const from = Math.max(start - origin, 0),
          to = Math.min(start + count - origin, tensor.size);
        if (to - from === count) return await device.read(tensor, from, count);
        const place = origin + from - start;
        if (from < to) {
          const into = values ??= new Float32Array(count);
          parts.push(device.read(tensor, from, to - from).then((part) => into.set(part, place)));
        }
        origin += tensor.size;
      }
      await Promise.all(parts);
      return values ?? new Float32Array(count);
    },
  };
}

/**
 * The state as a tree for the torch writer.
 *
 * @param optimizer Whose state.
 * @param now The multiplier and momentum where the run stands, recorded with the groups; nanochat sets
 * them anew.
 */
export function optimizerState(optimizer: Optimizer, now: StateTime): OptimizerState {
  const whole = rankOptimizer(optimizer);
  return stateOf(whole, entriesOf(whole.groups, 0, 1), ownTensors(whole), now);
}

/** The tree of a rank's file, of the tensors that stand for its entries. */
export function stateOf(
  { groups, own }: RankOptimizer,
  entries: readonly StateEntry[],
  tensors: readonly TensorSource[],
  now: StateTime,
): OptimizerState {
  const tree: OptimizerState = { state: new Map(), param_groups: [] };
  // Every rank has something of each of AdamW's groups, and has taken the same steps.
  const adamw = own.parts.filter((part) => part instanceof AdamW).values();
  let first = 0;
  for (const group of groups) {
    const { kind, lr, weightDecay, parameters } = group;
    const ids = parameters.map((_, offset) => first + offset);
    if (isAdamW(group)) {
      const { steps: step } = adamw.next().value!;
      for (const id of ids) tree.state.set(id, { step });
    } else tree.state.set(first, {});
    tree.param_groups.push({
      kind,
      lr: lr * now.multiplier,
      ...(isAdamW(group)
        ? { betas: group.betas, eps: group.eps }
        : { momentum: now.mu, ns_steps: 5, beta2: group.beta2 }),
      weight_decay: weightDecay,
      initial_lr: lr,
      params: ids,
    });
    first += parameters.length;
  }
  for (const [i, { id, name }] of entries.entries()) tree.state.get(id)![name] = tensors[i];
  return tree;
}
