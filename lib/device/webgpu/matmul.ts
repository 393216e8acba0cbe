/**
 * Matrix products on WebGPU.
 *
 * @module
 */
import type { MatmulArgs, Operations } from "../operations.ts";
import type { Gpu, Slice } from "./gpu.ts";
import { asOne, type Part, partsOf } from "./matmul_parts.ts";
import { numbered, type Plan, planOf, SUM_THREADS } from "./matmul_plan.ts";
import type { Dealer } from "./matmul_tile.ts";

/** See {@link Operations}; `deal` says how a product is dealt to threads. */
export function matmulOperations(
  gpu: Gpu,
  deal: Dealer,
): Pick<Operations, "matmul" | "matmulGroup"> {
  // Between two products of small matrices there is less time than planning takes.
  const plans = new Map<string, Plan | undefined>();
  const plan = (part: Part): Plan | undefined => {
    const key = keyOf(part);
    if (!plans.has(key)) plans.set(key, planOf(gpu, part, deal));
    return plans.get(key);
  };
  const multiply = (args: MatmulArgs) => {
    for (const part of partsOf(gpu, args)) run(gpu, part, plan(part)!);
  };
  return {
    matmul(args) {
      multiply(args);
    },
    matmulGroup({ products }) {
      const part = asOne(gpu, products);
      const one = part && plan(part);
      if (one) run(gpu, part, one);
      else products.forEach(multiply);
    },
  };
}

/** All that a plan depends on. */
function keyOf(part: Part): string {
  const { layout, operands, symmetric, epilogue, batch, M, N, K, ends, rows, alpha, beta } = part;
  const { tensors: { a: [a], b: [b], out: [out], c, activation }, aColumn, outColumn } = part;
  const types = `${a.tensor.dtype} ${b.tensor.dtype} ${out.tensor.dtype} ${c?.tensor.dtype}`;
  return `${layout} ${operands} ${symmetric} ${epilogue?.kind} ${activation?.tensor.dtype} ` +
    `${types} ${batch} ${M} ${N} ${K} ${ends} ${rows.a} ${rows.b} ${rows.out} ` +
    `${aColumn} ${outColumn} ${alpha} ${beta}`;
}

function run(gpu: Gpu, part: Part, { kernel, uniforms, groups, work, sum }: Plan): void {
  const { batch, M, N, tensors: { a, b, out, c, activation } } = part;
  const partials = sum && gpu.scratch(sum.parts * batch * M * N);
  const bindings = {
    ...numbered("a", a),
    ...numbered("b", b),
    ...numbered("out", partials ? [partials] : out),
    c,
    activation,
  };
  gpu.run(kernel, bindings, uniforms, groups, work);
  if (sum && partials) addUp(gpu, part, partials, sum);
}

/** Adds up the sums of a product's parts in each of its outputs, which lie below each other. */
function addUp(
  gpu: Gpu,
  { batch, M, N, alpha, beta, tensors: { out, c, activation } }: Part,
  partials: Slice,
  { kernel, parts }: NonNullable<Plan["sum"]>,
): void {
  let first = 0;
  for (const out0 of out) {
    const count = out0.count / 4;
    const uniforms = { first, count, stride: batch * M * N / 4, parts, alpha, beta };
    const groups = Math.ceil(count / SUM_THREADS);
    gpu.run(kernel, { partials, out0, c, activation }, uniforms, groups);
    first += count;
  }
}
