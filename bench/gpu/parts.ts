/** All that is measured, in this order: what is wrong first, then what is compared, in turn. */
import type { WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import { adapterFacts, peaks } from "./adapter.ts";
import { decoding } from "./decoding.ts";
import { kernels } from "./kernels.ts";
import { operations } from "./operations.ts";
import { parity } from "./parity.ts";
import type { Part, Settings } from "./part.ts";
import { attention, jaxProduct, products } from "./products.ts";
import { MODES, torchProducts, torchSteps } from "./pytorch.ts";
import { training } from "./training.ts";
import { tuner } from "./tuner.ts";

const PROVIDERS: readonly WebGpuProvider[] = ["deno", "dawn"];
const DTYPES = ["float32", "bfloat16", "float16"] as const;

/** The heads of the tables, in the report's order. */
export const TABLES = {
  adapter: "Adapter",
  peaks: "Peaks",
  tuner: "The tuner's choice",
  products: "Products and attention",
  training: "Training, d12, a micro-batch and an optimizer step",
  decoding: "Writing text, d12, after 1,024 tokens",
  parity: "Parity",
  operations: "Operations against float64",
  kernels: "Kernels",
} as const;

/** Makes a part for each provider. */
function forEach(
  table: keyof typeof TABLES,
  seconds: number,
  measure: (provider: WebGpuProvider, settings: Settings) => ReturnType<Part["measure"]>,
): Part[] {
  return PROVIDERS.map((provider) => ({
    table,
    name: `${table}, ${provider}`,
    provider,
    seconds,
    measure: (settings) => measure(provider, settings),
  }));
}

/** What can be measured with these settings. */
export function partsOf({ python, nanochat, short }: Settings): Part[] {
  const dtypes = (table: "training" | "decoding", dtype: typeof DTYPES[number]) =>
    forEach(
      table,
      120,
      (provider, settings) =>
        table === "training"
          ? training(provider, dtype, settings)
          : decoding(provider, dtype, settings),
    ).map((part): Part => ({ ...part, name: `${part.name}, ${dtype}` }));
  const modes = MODES.map((mode): Part => ({
    table: "training",
    name: `${mode.name}, ${mode.dtype}`,
    seconds: 120,
    measure: (settings) => torchSteps(mode, settings),
  }));
  const [eager, eager16, compiled] = python && nanochat
    ? modes.map((mode) => [mode])
    : [[], [], []];
  const jax: Part = { table: "products", name: "jax-js", seconds: 40, measure: jaxProduct };
  const torch: Part = { table: "products", name: "PyTorch", seconds: 40, measure: torchProducts };
  return [
    ...forEach("adapter", 20, adapterFacts),
    ...forEach("peaks", 20, peaks),
    ...forEach("products", 40, products),
    jax,
    ...python ? [torch] : [],
    ...forEach("products", 40, attention).map((part) => ({
      ...part,
      name: `attention, ${part.provider}`,
    })),
    ...dtypes("training", "float32"),
    ...eager,
    ...dtypes("training", "bfloat16"),
    ...eager16,
    ...dtypes("training", "float16"),
    ...compiled,
    ...DTYPES.flatMap((dtype) => dtypes("decoding", dtype)),
    ...forEach("parity", 40, parity),
    ...forEach("operations", 120, operations),
    ...forEach("tuner", 30, tuner),
    ...(short ? ["d12"] : ["d12", "d20"]).map((model): Part => ({
      table: "kernels",
      name: `kernels, ${model}`,
      seconds: 100,
      measure: (settings) => kernels(model, settings),
    })),
  ];
}
