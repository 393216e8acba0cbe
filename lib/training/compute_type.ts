/**
 * In which type a model computes on a device, and in which its weights are kept where it is used as it
 * is.
 *
 * @module
 */
import type { Hardware } from "../device/mod.ts";
import { optionError } from "../errors.ts";
import { type ComputeType, obstacleTo, parameterSpecs, type WeightType } from "../model/mod.ts";
import { sizeOf } from "../shapes.ts";
import type { ModelShape } from "./count_answers.ts";

/** What a person may say of the type; each is the command line's flag of the same name. */
export interface ComputeOptions {
  /** In which type it computes; bfloat16 on graphics cards, float32 elsewhere, unless given. */
  dtype?: ComputeType;
}

/** Bytes of weights in float32 from which the CPU device keeps them in bfloat16. */
const LARGE = 2 ** 30;

/** The types in which a model can compute on a device. */
export function computeTypes(device: Hardware, config: ModelShape["config"]): ComputeType[] {
  const types: ComputeType[] = ["float32", "bfloat16", "float16"];
  return types.filter((dtype) => obstacleTo(device, config, dtype) === undefined);
}

/**
 * In which type a model computes: as a person said, else bfloat16 on a graphics card, if it can, and
 * float32 elsewhere.
 *
 * @throws {UserError} where the device or the model has no such type.
 */
export function computeType(
  device: Hardware,
  { config }: Pick<ModelShape, "config">,
  said?: ComputeType,
): ComputeType {
  const obstacle = obstacleTo(device, config, said ?? "bfloat16");
  if (said && obstacle) throw optionError("dtype", `float32 ${obstacle}`, said);
  return said ?? (device.isSoftware || obstacle ? "float32" : "bfloat16");
}

/**
 * How weights are kept: as a person said, else on a GPU in the type in which the model computes, and
 * on the CPU by their size.
 *
 * @throws {UserError} where the device or the model has no such weights.
 */
export function weightType(
  device: Hardware,
  { config, parts, dtype = "float32" }: ModelShape,
  said?: WeightType,
): WeightType {
  if (device.kind !== "cpu") {
    const obstacle = said && obstacleTo(device, config, said);
    if (obstacle) throw optionError("weights", `float32 ${obstacle}`, said);
    return said ?? dtype;
  }
  if (said === "float16") {
    throw optionError("weights", "float32 or bfloat16 on the CPU device", said);
  }
  const bytes = parameterSpecs(config, parts).reduce(
    (sum, { shape }) => sum + 4 * sizeOf(shape),
    0,
  );
  return said ?? (bytes > LARGE ? "bfloat16" : "float32");
}
