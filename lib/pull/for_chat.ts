/**
 * A model of the hub to talk with.
 *
 * @module
 */
import { join } from "@std/path";
import { findCheckpoint } from "../checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../checkpoint/mod.ts";
import { checkRepositoryName, type Hub } from "../hub/mod.ts";
import { holds } from "../training/mod.ts";
import { type Selection, sourceOfFolder } from "./models.ts";
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
 * is not asked.
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
  const { tag, step } = selection;
  const path = join(baseDir, ".pull", "chat.json"), notes = await readNotes(path), key = tag ?? "";
  const source = selection.source ?? sourceOfFolder(String(notes[key])) ?? "sft";
  const there = await findCheckpoint(baseDir, { source, tag, step }).catch(() => undefined);
  if (there && await holds(join(baseDir, "tokenizer"), "tokenizer.pkl")) {
    return { baseDir, source, tag: there.tag };
  }
  const choice = { ...selection, optimizer: false, onlyOne: true };
  const [model] = await runPull(repository, choice, { ...io, baseDir }, hub);
  if (selection.source === undefined) {
    await Deno.writeTextFile(path, JSON.stringify({ ...notes, [key]: model.source }));
  }
  return { baseDir, source: model.source, tag: model.tag };
}

/** By the tags that were said, empty for none: which kind a repository had where none was said. */
async function readNotes(path: string): Promise<Record<string, unknown>> {
  return Object(await Deno.readTextFile(path).then(JSON.parse).catch(() => undefined));
}
