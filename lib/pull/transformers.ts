/**
 * Models of repositories in the form of the transformers library.
 *
 * @module
 */
import { basename, dirname } from "@std/path";
import { fileNames } from "../checkpoint/disk/mod.ts";
import { type CheckpointSource, completeSteps } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import type { ModelRepository, RepositoryFile } from "../hub/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import { checkFits } from "../training/mod.ts";
import type { Gathering } from "./gathering.ts";
import { type Selection, sourceOfFolder, tagOfRepository } from "./models.ts";
import type { PulledModel } from "./placement.ts";

/**
 * Makes a nanochat model of a folder of transformers, in the base directory; `importHf` of
 * `@nanochat/sft/export` does. `otherwise` is what it is taken for where neither that is said nor the
 * folder says it.
 */
export type ImportModel = (
  model: {
    hf: string;
    source?: CheckpointSource;
    tag?: string;
    otherwise: { source: CheckpointSource; tag: string };
  },
  io: { baseDir: string; terminal: Terminal; signal: AbortSignal },
) => Promise<{ directory: string; tag: string; step: number }>;

/**
 * Refuses what {@linkcode ImportModel} would, by all files but the weights; `checkImport` of
 * `@nanochat/sft/export` does.
 */
export type CheckImport = (
  model: Parameters<ImportModel>[0],
  io: { baseDir: string },
) => Promise<void>;

/** The world around it. */
export interface TransformersIo {
  baseDir: string;
  terminal: Terminal;
  signal?: AbortSignal;
  importModel?: ImportModel;
  checkImport?: CheckImport;
}

/** The files of such a model, at the root of a repository. */
const FILES =
  /^(?:config|generation_config|tokenizer|tokenizer_config|special_tokens_map|model\.safetensors\.index)\.json$|^model(?:-\d{5}-of-\d{5})?\.safetensors$/;

/** The files of a transformers model in a repository; undefined where it has none. */
export function transformersFiles({ files }: ModelRepository): RepositoryFile[] | undefined {
  const own = files.filter(({ path }) => FILES.test(path));
  const has = (ending: string) => own.some(({ path }) => path.endsWith(ending));
  return has("config.json") && has(".safetensors") ? own : undefined;
}

/**
 * Fetches a transformers model and hands it to what makes a nanochat model of it.
 *
 * @throws {UserError} if nothing here can, or it does not fit on the disk.
 */
export async function pullTransformers(
  { name, page }: ModelRepository,
  files: readonly RepositoryFile[],
  { source, tag }: Selection,
  gathering: Gathering,
  { baseDir, terminal, importModel, checkImport, signal = new AbortController().signal }:
    TransformersIo,
): Promise<PulledModel> {
  if (importModel === undefined) {
    throw new UserError(
      `${name} holds a model of the transformers library and none of nanochat's ` +
        "(model_*.pt with meta_*.json), which alone can be fetched",
    );
  }
  const note = `${gathering.folder}.json`;
  const before = await readNote(note, page);
  const isMeant = before && (source ?? before.source) === before.source &&
    (tag ?? before.tag) === before.tag;
  if (isMeant && await isThere(before)) {
    terminal.info(`${name} is there already`);
    return before;
  }
  // What is fetched, and as much again for what is made of it.
  const made = files.reduce((sum, { size = 0 }) => sum + size, 0);
  const bytes = await gathering.missingBytes(files) + made;
  await checkFits([{ directory: baseDir, bytes }]);
  const kind = /(?:^|[^a-z])(base|mid|rl)(?![a-z])/i.exec(name.split("/")[1])?.[1].toLowerCase();
  const otherwise = { source: (kind ?? "sft") as CheckpointSource, tag: tagOfRepository(name) };
  const model = { hf: gathering.folder, source, tag, otherwise };
  const isWeights = ({ path }: RepositoryFile) => path.endsWith(".safetensors");
  for (const file of files.filter((file) => !isWeights(file))) {
    await gathering.fetch(file, file.path);
  }
  await checkImport?.(model, { baseDir });
  for (const file of files.filter(isWeights)) await gathering.fetch(file, file.path);
  const { directory, step, ...imported } = await importModel(model, { baseDir, terminal, signal });
  const pulled = {
    source: sourceOfFolder(basename(dirname(directory)))!,
    tag: imported.tag,
    step,
    directory,
  };
  await Deno.writeTextFile(note, JSON.stringify({ page, pulled }));
  return pulled;
}

/** What was made of a version of a repository; undefined if nothing was. */
async function readNote(path: string, page: string): Promise<PulledModel | undefined> {
  const note = Object(await Deno.readTextFile(path).then(JSON.parse).catch(() => undefined));
  return note.page === page ? note.pulled : undefined;
}

/** Whether a model that was made is there still. */
async function isThere({ directory, step }: PulledModel): Promise<boolean> {
  const names = await fileNames(directory).catch(() => []);
  return completeSteps(names).some((files) => files.step === step);
}
