/**
 * In which type a model computes, as nanochat's COMPUTE_DTYPE: what of it is kept in 16 bits, and what
 * its products multiply.
 *
 * @module
 */
import type { Device, DType } from "../device/mod.ts";
import { UserError } from "../errors.ts";
import type { ModelConfig } from "../model_config.ts";
import { headSize } from "./config.ts";

/**
 * `bfloat16` keeps activations and tables in 16 bits and computes in float32. `float16` keeps
 * activations so, and multiplies in float16 where the device can; its small gradients need a loss
 * scale. The residual stream, logits, sums, matrices in training and their optimizer are float32 in
 * any case.
 */
export type ComputeType = "float32" | "bfloat16" | "float16";

/** What is kept in which type. */
export interface KeptTypes {
  /** Queries, keys, values, attention's output, normalised inputs of products, caches. */
  activations: DType;
  /** relu², which passes the largest float16. */
  hidden: DType;
  /** Tables of embeddings in training, with their gradients and moments. */
  tables: DType;
  /** Types to which products may round, see {@link MatmulArgs.operands}. */
  operands: "float32" | "float16";
}

/** What is kept in which type by a model that computes in `dtype`. */
export function keptTypes(dtype: ComputeType): KeptTypes {
  // Gradients of tables in float16 would have to be scaled with the loss, as nanochat's are not.
  const wide = dtype === "bfloat16" ? dtype : "float32";
  const operands = dtype === "float16" ? dtype : "float32";
  return { activations: dtype, hidden: wide, tables: wide, operands };
}

/**
 * Why a model cannot compute in a type on a device, in words that follow "float32": undefined where it
 * can. Rows of 16 bits must be a multiple of four long.
 */
export function obstacleTo(
  { kind }: Pick<Device, "kind">,
  config: ModelConfig,
  dtype: ComputeType,
): string | undefined {
  if (dtype === "float32") return undefined;
  if (kind === "cpu") return "on the CPU device";
  const D = headSize(config);
  // So that both halves of a head that is rotated are whole fours.
  return D % 8 === 0 ? undefined : `in a model with heads of ${D} numbers, no multiple of 8`;
}

/**
 * Refuses a type that the device or the model does not compute in.
 *
 * @throws {UserError} saying what is in the way.
 */
export function checkComputeType(device: Device, config: ModelConfig, dtype: ComputeType): void {
  const obstacle = obstacleTo(device, config, dtype);
  if (obstacle) throw new UserError(`${dtype} cannot be had: it is float32 ${obstacle}`);
}
