/**
 * The optimizer's state in the form PyTorch saves it, so that nanochat continues runs of this
 * package.
 *
 * @module
 */
import type { Device, Tensor } from "../device/mod.ts";
import type { TensorSource } from "../tensor_source.ts";
import { AdamW } from "./adamw.ts";
import type { Muon } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";

/** What {@link optimizerState} gives: a tree of maps, lists, numbers and tensors. */
export interface OptimizerState {
  /** State by PyTorch's number of a parameter; a Muon group's is under its first. */
  state: Map<number, Record<string, number | TensorSource>>;
  /** Settings of each group and the numbers of its parameters. */
  param_groups: Record<string, unknown>[];
}

/** Tensors on a device as one, one after the other. */
function joined(device: Device, shape: readonly number[], tensors: Tensor[]): TensorSource {
  return {
    dtype: "float32",
    shape: [...shape],
    async read(start, count) {
      const values = new Float32Array(count);
      const parts: Promise<void>[] = [];
      let origin = 0; // where the tensor begins among all elements
      for (const tensor of tensors) {
        const from = Math.max(start - origin, 0),
          to = Math.min(start + count - origin, tensor.size);
        const place = origin + from - start;
        if (from < to) {
          parts.push(device.read(tensor, from, to - from).then((part) => values.set(part, place)));
        }
        origin += tensor.size;
      }
      await Promise.all(parts);
      return values;
    },
  };
}

/** An entry of one part's state, under its PyTorch name. */
interface Slot {
  /** Which of the part's parameters it belongs to; a Muon group's belong to its first. */
  offset: number;
  name: string;
  /** Shape in the file. */
  shape: number[];
  /** What holds it here, one stack after the other. */
  tensors: Tensor[];
}

function slots(part: AdamW | Muon): Slot[] {
  if (part instanceof AdamW) {
    return part.moments.flatMap(({ parameter, m, v }, offset) => {
      const shape = [...parameter.shape];
      return [
        { offset, name: "exp_avg", shape, tensors: [m] },
        { offset, name: "exp_avg_sq", shape, tensors: [v] },
      ];
    });
  }
  const stacked = (tensors: Tensor[]) => [
    tensors.reduce((sum, { shape }) => sum + shape[0], 0),
    ...tensors[0].shape.slice(1),
  ];
  const momentum = part.stacks.map((stack) => stack.momentum);
  const second = part.stacks.map((stack) => stack.secondMomentum);
  return [
    { offset: 0, name: "momentum_buffer", shape: stacked(momentum), tensors: momentum },
    { offset: 0, name: "second_momentum_buffer", shape: stacked(second), tensors: second },
  ];
}

/**
 * The state as a tree for the torch writer.
 *
 * @param optimizer Whose state.
 * @param now The multiplier and momentum where the run stands, recorded with the groups; nanochat sets
 * them anew.
 */
export function optimizerState(
  optimizer: Optimizer,
  now: { multiplier: number; mu: number },
): OptimizerState {
  const tree: OptimizerState = { state: new Map(), param_groups: [] };
  let first = 0;
  for (const part of optimizer.parts) {
    for (const { offset, name, shape, tensors } of slots(part)) {
      const entry = tree.state.get(first + offset) ?? {};
      if (part instanceof AdamW) entry.step = part.steps;
      entry[name] = joined(optimizer.device, shape, tensors);
      tree.state.set(first + offset, entry);
    }
    const { kind, lr, weightDecay, parameters } = part.group;
    tree.param_groups.push({
      kind,
      lr: lr * now.multiplier,
      ...(part.group.kind === "adamw"
        ? { betas: part.group.betas, eps: part.group.eps }
        : { momentum: now.mu, ns_steps: 5, beta2: part.group.beta2 }),
      weight_decay: weightDecay,
      initial_lr: lr,
      params: parameters.map((_, offset) => first + offset),
    });
    first += parameters.length;
  }
  return tree;
}
