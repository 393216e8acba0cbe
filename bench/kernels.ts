/**
 * The kernel laboratory: the time of every kernel at a model's sizes on the adapter at hand, by the
 * GPU's own clock, and how near it comes to what the adapter can do.
 *
 *     deno task kernels [NAME] [--model d12]
 *
 * With NAME only the operations whose name contains it, such as `attention` or `matmul tn`. Models
 * are d12 and d20. Where an adapter is too slow for a model's lengths they are lowered, and the
 * table says so. Results are compared with the CPU device's at small lengths; a wrong one is
 * reported, and the exit code is then 1.
 *
 * GFLOP/s count the operations of the formula, GB/s what it must read and write, each with its
 * share of the peak: of multiply-adds in registers, and of a copy.
 */
import { parseArgs } from "node:util";
import { MODELS, runLaboratory } from "./kernels/laboratory.ts";
import "./plain_errors.ts";
import { UserError } from "../lib/errors.ts";

const { values: { model }, positionals: [name, ...others] } = parseArgs({
  allowPositionals: true,
  options: { model: { type: "string", default: "d12" } },
});
if (others.length > 0) {
  throw new UserError(`one name is enough; put quotes around "${[name, ...others].join(" ")}"`);
}
const shape = MODELS[model];
if (!shape) throw new UserError(`--model ${model}: there are ${Object.keys(MODELS).join(" and ")}`);
const wrong = await runLaboratory(shape, name ?? "", console.log);
Deno.exitCode = wrong > 0 ? 1 : 0;
