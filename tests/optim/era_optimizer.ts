/** Optimizers of every era's model: its parameters by hand, and its state by parameter. */
import type { StoredTensor } from "../../lib/checkpoint/mod.ts";
import { openSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import type { Device } from "../../lib/device/mod.ts";
import { AdamW, Optimizer, type OptimizerParameter, parameterGroups } from "../../lib/optim/mod.ts";
import { rates } from "./gqa_sliding.ts";

/** The state of each parameter by PyTorch's names, with its shape. */
export type States = Map<string, { shape: readonly number[]; data: Float32Array }>;

const KEYS: Record<string, string> = {
  exp_avg: "exp_avg",
  exp_avg_sq: "exp_avg_sq",
  momentum: "momentum_buffer",
  second_momentum: "second_momentum_buffer",
};

/** The tensors of an `expected.safetensors` of a layout, as `{parameter}.{key}`. */
export async function expectedStates(path: string): Promise<States> {
  using file = await openSafetensors(path);
  const states: States = new Map();
  for (const [name, tensor] of file.tensors) {
    const [, key, parameter] = /^(\w+?)\.(.*)$/.exec(name)!;
    const data = await (tensor as StoredTensor).readFloat32();
    states.set(`${parameter}.${KEYS[key]}`, { shape: tensor.shape, data });
  }
  return states;
}

/** Names in the order of every state dict. */
function orderedNames(nLayer: number): string[] {
  const layers = [...Array(nLayer).keys()];
  const ofBlock = ["c_q", "c_k", "c_v", "c_proj", "ve_gate"].map((name) => `attn.${name}`)
    .concat("mlp.c_fc", "mlp.c_proj");
  return [
    ...["resid_lambdas", "x0_lambdas", "bigram_lambdas", "smear_lambda", "backout_lambda"],
    "transformer.wte.weight",
    ...layers.flatMap((i) => ofBlock.map((name) => `transformer.h.${i}.${name}.weight`)),
    ...["lm_head.weight", "smear_gate.weight", "bigram_embed.embed.weight"],
    ...layers.map((i) => `value_embeds.${i}.weight`),
  ];
}

function kindOf(name: string): OptimizerParameter["kind"] {
  if (name.startsWith("transformer.h.")) return "matrix";
  if (name.startsWith("value_embeds.")) return "valueEmbeds";
  if (name.startsWith("bigram_embed.")) return "bigramEmbed";
  if (name === "lm_head.weight") return "lmHead";
  return name === "transformer.wte.weight" ? "wte" : "scalar";
}

/** A fresh optimizer of today's groups for a model of these parameters. */
export function optimizerOf(
  device: Device,
  shapes: ReadonlyMap<string, readonly number[]>,
  nLayer = 3,
): Optimizer {
  const parameters = orderedNames(nLayer).filter((name) => shapes.has(name)).map((name) => {
    const shape = shapes.get(name)!;
    return { name, shape, kind: kindOf(name), value: device.allocate(name, shape) };
  });
  return new Optimizer(device, parameterGroups(parameters, 32, rates));
}

/** The shapes of the parameters whose state is expected. */
export function shapesOf(expected: States): Map<string, readonly number[]> {
  const entries = [...expected].flatMap(([name, { shape }]) => {
    const [, parameter, key] = /^(.*)\.(\w+)$/.exec(name)!;
    return key === "exp_avg" || key === "momentum_buffer" ? [[parameter, shape] as const] : [];
  });
  return new Map(entries);
}

/** The state that an optimizer has. */
export async function statesOf({ device, parts }: Optimizer): Promise<States> {
  const states: States = new Map();
  for (const part of parts) {
    if (part instanceof AdamW) {
      for (const { parameter: { name, shape }, m, v } of part.moments) {
        states.set(`${name}.exp_avg`, { shape, data: await floats(m) });
        states.set(`${name}.exp_avg_sq`, { shape, data: await floats(v) });
      }
      continue;
    }
    for (const { parameters, momentum, secondMomentum } of part.stacks) {
      for (const [slot, { name, shape }] of parameters.entries()) {
        for (const [key, tensor] of Object.entries({ momentum, secondMomentum })) {
          const count = tensor.size / parameters.length;
          const data = (await floats(tensor)).slice(slot * count, (slot + 1) * count);
          const isFirst = key === "momentum";
          states.set(`${name}.${KEYS[isFirst ? "momentum" : "second_momentum"]}`, {
            shape: isFirst ? shape : tensor.shape.slice(1),
            data,
          });
        }
      }
    }
  }
  return states;

  async function floats(tensor: Parameters<Device["read"]>[0]): Promise<Float32Array> {
    return Float32Array.from(await device.read(tensor));
  }
}
