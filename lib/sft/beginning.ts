/**
 * The checkpoint that a fine-tuning run begins with: found, and opened on its device.
 *
 * @module
 */
import { type CheckpointFiles, findCheckpoint } from "../checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../checkpoint/mod.ts";
import type { Hardware } from "../device/mod.ts";
import { agreeOn, SINGLE, together } from "../ranks/mod.ts";
import {
  computeType,
  fewerRows,
  findModel,
  type InheritedSettings,
  inheritSettings,
  type OpenedModel,
  planTraining,
  RECIPES,
  type RunIo,
  sayEra,
  stepTokensOf,
} from "../training/mod.ts";
import type { SftOptions } from "./options.ts";

/** What the checkpoint that a run begins with is called. */
const BEGINNINGS = {
  base: "Base checkpoint:",
  mid: "Midtrained checkpoint:",
  sft: "Fine-tuned checkpoint:",
  rl: "Checkpoint of reinforcement learning:",
};

/**
 * Finds the checkpoint that a run goes on from: of several ranks, each on its own disk.
 *
 * @throws {UserError} where there is none, or ranks find different ones.
 */
export async function findBeginning(
  which: Parameters<typeof findCheckpoint>[1],
  io: RunIo,
): Promise<CheckpointFiles> {
  const files = await together(io, () => findCheckpoint(io.baseDir, which));
  await agreeOn(io.ranks ?? SINGLE, "checkpoints", `step ${files.step} of ${files.tag}`);
  return files;
}

/** Opens the model that a run goes on from, once it is known that the device has the memory for it. */
export async function openBeginning(
  device: Hardware,
  which: { source: CheckpointSource; tag: string; step: number },
  resume: boolean,
  options: SftOptions,
  io: RunIo,
): Promise<{ opened: OpenedModel; settings: InheritedSettings }> {
  const { terminal, baseDir, signal, ranks = SINGLE } = io;
  const { softcap, windowPattern, given } = options;
  const found = await together(io, () => (
    findModel(baseDir, { ...which, softcap, windowPattern })
  ));
  terminal.info(`${resume ? "Resuming" : BEGINNINGS[which.source]} ${found.files.model}`);
  sayEra(found.era, io);
  const inherited = inheritSettings(options, found.meta.raw, (note) => {
    if (!resume) terminal.info(note);
  }, which.source);
  const rowsAsked = given.includes("deviceBatchSize");
  const wanted = rowsAsked
    ? inherited
    : fewerRows(inherited, ranks.worldSize, (note) => terminal.info(note));
  const dtype = computeType(device, found.shape, options.dtype);
  const { recompute } = options, { muon } = RECIPES[options.recipe];
  const measures = options.chatcoreEvery > 0;
  // Which token it is takes no memory.
  const separator = options.isolate ? 0 : undefined;
  const settings = await planTraining(
    device,
    { ...found.shape, dtype },
    wanted,
    { ...io, recompute, separator, measures, muon, rowsAsked },
  );
  const stepTokens = stepTokensOf(settings, ranks.worldSize);
  const how = { training: true, dtype, stepTokens, signal };
  const opened = await together(io, () => found.load(device, how));
  return { opened, settings };
}
