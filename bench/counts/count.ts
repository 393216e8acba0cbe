/**
 * Counts what models ask of a GPU, and prints it as JSON, for bench/counts.ts. It runs in other
 * versions of the repository too: what they do not know of the options, they leave out.
 */
import { Engine } from "../../lib/engine/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { GPT, Pass } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { configOf } from "../scaling/model.ts";
import { type Counted, countingWebGpu } from "./counting_webgpu.ts";

/** A way to train a model. */
export interface Setting {
  depth: number;
  dtype: "float32" | "bfloat16" | "float16";
  recompute: boolean;
}

/** What it asks for. */
export interface Counts extends Setting {
  /** A training step of one row: micro-batch and optimizer. */
  step: Counted;
  /** A token of one text, sampled, with a cache that is bound whole. */
  token: Counted;
  /** Bytes of memory: all that training takes. */
  memory: number;
}

/** Tokens of a row. */
export const T = 2048;

/** Learning rates change nothing. */
const RATES = { embeddingLr: 0, unembeddingLr: 0, matrixLr: 0 };

/** Tokens that are sampled between two looks of the host. */
const TOKENS = 8;

const NO_TOKENIZER = { bosId: -1, encodeSpecial: () => -1, encode: () => [], decode: () => "" };

/** Counts one setting. */
async function count({ depth, dtype, recompute }: Setting): Promise<Counts> {
  const { step, memory } = await countStep({ depth, dtype, recompute });
  return { depth, dtype, recompute, step, token: await countToken({ depth, dtype }), memory };
}

async function openCounting() {
  const { gpu, counted } = countingWebGpu();
  const matmulTile = { BK: 16, RM: 8, RN: 8, TX: 16, TY: 16 } as const;
  return { device: await createWebGpuDevice({ gpu, matmulTile }), counted };
}

async function countStep({ depth, dtype, recompute }: Setting) {
  const { device, counted } = await openCounting();
  const config = configOf(depth);
  const options = { training: true, dtype, recompute };
  const model = new GPT(device, config, options);
  const groups = parameterGroups([...model.parameters.values()], config.nEmbd, RATES);
  const optimizer = new Optimizer(device, groups);
  const pass = new Pass(model, 1, T, options);
  const loss = device.allocate("loss", [1]);
  // As in a text, no two neighbours are alike and few are frequent.
  const tokens = Int32Array.from({ length: T }, (_, i) => (i * 37) % 997);
  const step = async () => {
    pass.batch.write(tokens, tokens);
    model.zeroGradients();
    device.zero({ x: loss });
    pass.train(loss, 1);
    optimizer.step(1, 0.95, loss);
    await device.read(loss);
  };
  // What is made when it is first needed is not counted.
  await step();
  const first = { ...counted };
  await step();
  return { step: difference(counted, first), memory: device.memory.peak };
}

async function countToken({ depth, dtype }: Omit<Setting, "recompute">): Promise<Counted> {
  const { device, counted } = await openCounting();
  const config = configOf(depth);
  // A version before 16 bits refuses such weights on a GPU.
  const isOld = new GPT(device.counting(), config).dtype === undefined;
  const weights = isOld ? "float32" : dtype;
  const engine = new Engine(new GPT(device, config, { dtype, weights }), NO_TOKENIZER);
  const generate = async (maxTokens: number) => {
    const before = { ...counted };
    await engine.generateBatch([[1]], { maxTokens, temperature: 1, topK: 50 });
    return difference(counted, before);
  };
  await generate(TOKENS);
  const [some, more] = [await generate(TOKENS), await generate(2 * TOKENS)];
  const all = difference(more, some);
  return {
    dispatches: all.dispatches / TOKENS,
    copies: all.copies / TOKENS,
    bytes: all.bytes / TOKENS,
  };
}

function difference(a: Counted, b: Counted): Counted {
  return {
    dispatches: a.dispatches - b.dispatches,
    copies: a.copies - b.copies,
    bytes: a.bytes - b.bytes,
  };
}

if (import.meta.main) {
  const settings: Setting[] = JSON.parse(Deno.args[0]);
  const all: Counts[] = [];
  for (const setting of settings) all.push(await count(setting));
  console.log(JSON.stringify(all));
}
