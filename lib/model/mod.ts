/**
 * nanochat's GPT, forward and backward, over the operations of a device.
 *
 * @module
 */
export { type ComputeType, type KeptTypes, keptTypes, obstacleTo } from "./compute_type.ts";
export { GradientRows } from "./gradient_rows.ts";
export type { ModelConfig } from "../model_config.ts";
export { type ModelParts, NEWEST_PARTS, type ValueGate } from "../model_parts.ts";
export { Arena } from "./arena.ts";
export { backwardOrder } from "./backward_order.ts";
export { CachedPass, type CachedPassSize, type Seat } from "./cached_pass.ts";
export {
  backoutLayer,
  bigramRows,
  flopsPerToken,
  hasValueEmbedding,
  headSize,
  paddedVocabSize,
  tableRows,
  type Windows,
  windowSizes,
} from "./config.ts";
export { DeviceBatch } from "./device_batch.ts";
export { GPT, type ParameterSource } from "./gpt.ts";
export { initialParameters } from "./init.ts";
export { LossHead } from "./loss_head.ts";
export {
  countParameters,
  type Parameter,
  type ParameterCounts,
  type ParameterKind,
  type ParameterSpec,
  parameterSpecs,
  type WeightType,
} from "./parameters.ts";
export { Pass } from "./pass.ts";
export { type RotaryParts, rotaryTables } from "./rotary.ts";
export { TableRows } from "./table_rows.ts";
export { type RowsOfTokens, startsOf } from "./starts.ts";
export { beginStep, bigramRowsOf, touchedRows } from "./touched_rows.ts";
