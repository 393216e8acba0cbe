/**
 * A model of the hub to talk with.
 *
 * @module
 */
import { join } from "@std/path";
import { findCheckpoint } from "../checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { checkRepositoryName, type Hub } from "../hub/mod.ts";
import { holds } from "../training/mod.ts";
import { FOR_TALK } from "./choose.ts";
import type { Selection } from "./models.ts";
import { hubBaseDir, type PullIo, runPull } from "./run.ts";

/** Where a model of the hub is opened. */
export interface HubModel {
  /** A base directory of its own, so that no other's tokenizer is in its way. */
  baseDir: string;
  /** Its kind. */
  source: CheckpointSource;
  /** Its tag. */
  tag: string;
}

/**
 * A repository's model to talk with, in a base directory of its own: the fine-tuned one unless
 * another kind is meant, else what the repository has. It is fetched once; when it is there, the hub
 * is not asked. Whether a repository has no fine-tuned one only the hub knows; where it cannot be
 * asked, the one that is there will do.
 *
 * @throws {UserError} as {@linkcode runPull}.
 */
export async function pullForChat(
  repository: string,
  selection: Selection,
  io: PullIo,
  hub?: Hub,
): Promise<HubModel> {
  checkRepositoryName(repository);
  const baseDir = hubBaseDir(io.baseDir, repository);
  const there = await modelThere(baseDir, selection, [selection.source ?? "sft"]);
  if (there) return there;
  const choice = { ...selection, optimizer: false, onlyOne: true };
  try {
    const [model] = await runPull(repository, choice, { ...io, baseDir }, hub);
    return { baseDir, source: model.source, tag: model.tag };
  } catch (error) {
    // Of the network or of the disk; of what the hub says there is no cause.
    const cause = error instanceof UserError ? error.cause : undefined;
    if (!(cause instanceof Error) || selection.source !== undefined) throw error;
    const other = await modelThere(baseDir, selection, FOR_TALK);
    if (!other) throw error;
    const { source, tag } = other;
    io.terminal.warn(
      `cannot ask whether ${repository} has a fine-tuned model: ${cause.message}; ` +
        `going on with its ${source} model ${tag}, which is here`,
    );
    return other;
  }
}

/** The model of the first of these kinds that is whole in a base directory. */
async function modelThere(
  baseDir: string,
  { tag, step }: Selection,
  kinds: readonly CheckpointSource[],
): Promise<HubModel | undefined> {
  if (!await holds(join(baseDir, "tokenizer"), "tokenizer.pkl")) return undefined;
  for (const source of kinds) {
    const there = await findCheckpoint(baseDir, { source, tag, step }).catch(() => undefined);
    if (there) return { baseDir, source, tag: there.tag };
  }
}
