/**
 * In which type a device keeps the weights of a model that is used as it is.
 *
 * @module
 */
import type { Device } from "../device/mod.ts";
import { optionError } from "../errors.ts";
import { parameterSpecs, type WeightType } from "../model/mod.ts";
import { sizeOf } from "../shapes.ts";
import type { ModelShape } from "./count_memory.ts";

/** Bytes of weights in float32 from which the CPU device keeps them in bfloat16. */
const LARGE = 2 ** 30;

/**
 * How weights are kept: as a person said, else by their size.
 *
 * @throws {UserError} where the device has no such weights.
 */
export function weightType(
  device: Device,
  { config, parts }: ModelShape,
  said?: WeightType,
): WeightType {
  if (said === "bfloat16" && device.kind !== "cpu") {
    throw optionError("weights", "float32 unless the device is the CPU", said);
  }
  const bytes = parameterSpecs(config, parts).reduce(
    (sum, { shape }) => sum + 4 * sizeOf(shape),
    0,
  );
  return said ?? (device.kind === "cpu" && bytes > LARGE ? "bfloat16" : "float32");
}
