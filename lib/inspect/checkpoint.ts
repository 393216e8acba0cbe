/**
 * What a checkpoint holds.
 *
 * @module
 */
import { basename } from "@std/path";
import { findCheckpoint } from "../checkpoint/disk/mod.ts";
import { describeEra } from "../checkpoint/mod.ts";
import type { DeviceChoice } from "../device/mod.ts";
import { harmless } from "../harmless.ts";
import {
  countParameters,
  flopsPerToken,
  parameterSpecs,
  tableRows,
  windowSizes,
} from "../model/mod.ts";
import { SINGLE } from "../ranks/mod.ts";
import {
  type ComputeOptions,
  computeType,
  type ModelOptions,
  openCheckpoint,
  type RunIo,
  snakeCase,
  whereModelsAre,
  withDevice,
} from "../training/mod.ts";
import { memoryTable } from "./memory.ts";

/** Which checkpoint is looked at, and what memory it needs where. */
export interface InspectOptions extends ModelOptions, ComputeOptions, DeviceChoice {
  /** Tokens in a row, T; the model's own length unless given. */
  maxSeqLen?: number;
}

/**
 * Prints a checkpoint's configuration, parameter counts, tensors, and what memory it needs. No
 * tensor is read.
 *
 * @throws {UserError} when the checkpoint is missing or damaged.
 */
export async function inspectCheckpoint(
  options: InspectOptions,
  io: RunIo,
): Promise<void> {
  const { source, modelTag: tag, step } = options;
  const { baseDir, terminal, advice } = await whereModelsAre(io);
  const files = await findCheckpoint(baseDir, { source, tag, step });
  using opened = await openCheckpoint(files, options);
  const { meta: { raw }, era, era: { config, parts }, tensors } = opened;
  const counts = countParameters(parameterSpecs(config, parts));
  const { model_config, user_config, ...rest } = raw as Record<string, Record<string, unknown>>;

  terminal.print(`Model        ${files.model}`);
  const [first = "not saved", ...shares] = files.optimizers.values();
  terminal.print(`Optimizer    ${[first, ...shares.map((path) => basename(path))].join(", ")}`);
  terminal.print(
    `Config       ${fields({ ...model_config, padded_vocab_size: tableRows(config, parts) })}`,
  );
  terminal.print(`Architecture ${describeEra(era, advice)}`);
  const windows = windowSizes(config, parts.windows);
  terminal.print(`Windows      ${windows.every(Number.isFinite) ? windows.join(", ") : "none"}`);
  terminal.print(`Trained with ${fields({ ...user_config })}`);
  terminal.print(`Notes        ${fields(rest)}`);
  terminal.print("Parameters");
  for (const [name, count] of Object.entries(counts)) {
    terminal.print(`  ${snakeCase(name).padEnd(22)} ${count.toLocaleString("en-US").padStart(16)}`);
  }
  const flops = flopsPerToken(config, counts.transformerMatrices + counts.lmHead, parts.windows);
  terminal.print(`FLOPs per training token  ${flops.toExponential(3)}`);
  const { maxSeqLen = config.sequenceLen } = options;
  const table = await withDevice(options, io, (device) => {
    const dtype = computeType(device, { config }, options.dtype);
    return memoryTable(device, { config, parts, dtype }, maxSeqLen, io.ranks ?? SINGLE);
  });
  table.forEach((line) => terminal.print(line));
  terminal.print("Tensors");
  for (const [name, { shape, dtype }] of tensors) {
    terminal.print(`  ${name.padEnd(38)} ${`(${shape.join(", ")})`.padEnd(14)} ${dtype}`);
  }
}

/** Plain values of a meta file as `name=value`, whatever is nested left out. */
function fields(values: Record<string, unknown>): string {
  const plain = Object.entries(values).filter(([, value]) => typeof value !== "object");
  return harmless(plain.map(([name, value]) => `${name}=${value}`).join(" ")) || "nothing";
}
