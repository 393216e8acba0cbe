/**
 * The optimizer's state in the form PyTorch saves it, so that nanochat and this package continue
 * each other's runs.
 *
 * @module
 */
import type { Device, Tensor } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import { pause } from "../pause.ts";
import { sizeOf } from "../shapes.ts";
import { slices, type TensorSource } from "../tensor_source.ts";
import { AdamW } from "./adamw.ts";
import type { Muon } from "./muon.ts";
import type { Optimizer } from "./optimizer.ts";

/** A tensor in a file. */
export interface IncomingTensor {
  /** Shape. */
  shape: readonly number[];
  /** `count` elements from `start`. */
  readFloat32(start?: number, count?: number): Promise<Float32Array>;
}

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
 * @param now The multiplier and momentum of the last step, recorded with the groups.
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

/** What a file has for a slot. */
interface Found {
  slot: Slot;
  /** The parameter, for messages. */
  where: string;
  tensor: IncomingTensor;
}

/**
 * Fills the optimizer's moments and step counts from a state that PyTorch (or this package) saved;
 * learning rates and other settings stay as they are. All or nothing: where anything of it is not
 * as it should be, every moment and step count is zero afterwards, as in a fresh optimizer.
 *
 * @param tree What the torch reader gave for the file.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} when the state is of another model or optimizer, or is damaged; the message
 * names the parameter.
 */
export async function loadOptimizerState(
  optimizer: Optimizer,
  tree: unknown,
  signal?: AbortSignal,
): Promise<void> {
  const { device, parts } = optimizer;
  try {
    const state = stateByPart(optimizer, tree);
    const found = parts.map((part, i) => slots(part).map((slot) => find(slot, part, state[i])));
    const steps = await Promise.all(parts.map((part, i) => stepsOf(part, state[i])));
    for (const { slot, where, tensor } of found.flat()) {
      await copy(device, slot, where, tensor, signal);
    }
    parts.forEach((part, i) => {
      if (part instanceof AdamW) part.steps = steps[i];
    });
  } catch (error) {
    for (const part of parts) {
      if (part instanceof AdamW) part.steps = 0;
      for (const x of slots(part).flatMap(({ tensors }) => tensors)) device.zero({ x });
    }
    throw error;
  }
}

/** The state of each part's parameters, in their order; nothing else is in the file. */
function stateByPart({ parts }: Optimizer, tree: unknown): Map<unknown, unknown>[][] {
  const [state, groups] = ["state", "param_groups"].map((key) =>
    tree instanceof Map ? tree.get(key) : undefined
  );
  if (!(state instanceof Map) || !Array.isArray(groups)) {
    throw new UserError("it holds no optimizer state");
  }
  if (groups.length !== parts.length) {
    throw new UserError(`its groups should be ${parts.length}, not ${groups.length}`);
  }
  const unused = new Map(state);
  const byPart = parts.map(({ group: { parameters } }, i) => {
    const group: unknown = groups[i];
    // PyTorch goes by the order too: a parameter's number only says where its state is.
    const ids: unknown = group instanceof Map ? group.get("params") : undefined;
    if (!Array.isArray(ids) || ids.length !== parameters.length) {
      const [{ name }] = parameters, has = Array.isArray(ids) ? ids.length : "none";
      throw new UserError(
        `its group of ${name} should be of ${parameters.length} parameters, not ${has}`,
      );
    }
    return ids.map((id) => {
      const entry: unknown = state.get(id);
      unused.delete(id);
      return entry instanceof Map ? entry : new Map<unknown, unknown>();
    });
  });
  if (unused.size > 0) {
    const some = [...unused.keys()].slice(0, 5).map((id) => typeof id === "number" ? id : "?");
    throw new UserError(
      `it holds state of ${unused.size} parameters that the model lacks (number ${
        some.join(", ")
      })`,
    );
  }
  return byPart;
}

/** A slot's tensor in the state of a part's parameters. */
function find(slot: Slot, part: AdamW | Muon, state: Map<unknown, unknown>[]): Found {
  const tensor = state[slot.offset].get(slot.name) as IncomingTensor | null | undefined;
  const where = part.group.parameters[slot.offset].name;
  if (tensor?.shape?.join() !== slot.shape.join()) {
    const has = tensor?.shape ? `(${tensor.shape})` : "nothing";
    throw new UserError(`its ${slot.name} of ${where} should be (${slot.shape}), not ${has}`);
  }
  return { slot, where, tensor: tensor as IncomingTensor };
}

/** The steps that a part has taken, after its parameters' state was found to be that and no more. */
async function stepsOf(part: AdamW | Muon, state: Map<unknown, unknown>[]): Promise<number> {
  const isAdamW = part instanceof AdamW;
  const known = slots(part);
  let steps = 0;
  for (const [offset, { name }] of part.group.parameters.entries()) {
    const names = known.filter((slot) => slot.offset === offset).map((slot) => slot.name);
    if (isAdamW) names.push("step");
    const unknown = [...state[offset].keys()].find((key) => !names.includes(key as string));
    if (unknown !== undefined) {
      const what = typeof unknown === "string" ? JSON.stringify(unknown.slice(0, 80)) : "an entry";
      throw new UserError(`its state of ${name} has ${what}, which the optimizer here lacks`);
    }
    if (!isAdamW) continue;
    const step = await readStep(state[offset].get("step"), name);
    if (offset > 0 && step !== steps) {
      throw new UserError(`its step of ${name} should be ${steps} as its group's, not ${step}`);
    }
    steps = step;
  }
  return steps;
}

/** A count of steps: a number, or a tensor that holds one, as PyTorch's own AdamW keeps it. */
async function readStep(stored: unknown, where: string): Promise<number> {
  const tensor = stored as IncomingTensor | null | undefined;
  const isTensor = tensor?.shape?.every((size) => size === 1) === true;
  const step = isTensor ? (await tensor.readFloat32())[0] : stored;
  if (typeof step === "number" && Number.isSafeInteger(step) && step >= 0) return step;
  const has = typeof step === "number" ? step : step === undefined ? "missing" : "something else";
  throw new UserError(`its step of ${where} should be a whole number from 0, but is ${has}`);
}

/** Copies a file's tensor to where the device keeps it. */
async function copy(
  device: Device,
  { name, tensors }: Slot,
  where: string,
  source: IncomingTensor,
  signal?: AbortSignal,
): Promise<void> {
  const isSquare = name === "exp_avg_sq" || name === "second_momentum_buffer";
  let offset = 0;
  for (const tensor of tensors) {
    for (const { start, count } of slices(tensor.size)) {
      await pause(signal);
      const values = await source.readFloat32(offset + start, count);
      const wrong = values.find((value) => !Number.isFinite(value) || isSquare && value < 0);
      if (wrong !== undefined) {
        throw new UserError(`its ${name} of ${where} holds ${wrong}, which no training gives`);
      }
      device.write(tensor, values, start);
    }
    offset += sizeOf(tensor.shape);
  }
}
