/**
 * The models in a repository, of whichever shape it is: files at its root, folders by tag, or a base
 * directory as nanochat keeps it.
 *
 * @module
 */
import {
  CHECKPOINT_SOURCES,
  checkpointFolders,
  type CheckpointSource,
  completeSteps,
  defaultTag,
  filesOfStep,
  isModelTag,
  type StepFiles,
} from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import type { ModelRepository, RepositoryFile } from "../hub/mod.ts";

/** A step of a model in a repository. */
export interface RemoteModel {
  /** Its folder in the repository, empty for the root. */
  folder: string;
  /** Its files, by their names in the folder. */
  files: StepFiles;
  /** What it is called here. */
  tag: string;
  /** The kind that its folder says; undefined where none does. */
  source: CheckpointSource | undefined;
}

/** Which of a repository's models are meant; each is the command line's flag of the same name. */
export interface Selection {
  /** Which kind; all unless given. */
  source: CheckpointSource | undefined;
  /** The tag of one of the repository's folders, or what its only model is called here. */
  tag: string | undefined;
  /** Which step; the last unless given. */
  step: number | undefined;
}

/** The kinds by what folders are called: `chatsft_checkpoints`, `sft`, … */
const SOURCES = new Map(
  CHECKPOINT_SOURCES.flatMap((source) => {
    return [source, ...checkpointFolders(source)].map((name) => [name, source] as const);
  }),
);

/** The kind of model that a folder of this name holds, if its name says so. */
export function sourceOfFolder(name: string): CheckpointSource | undefined {
  return SOURCES.get(name);
}

/**
 * The models of a repository that are meant, all of one tag: the deepest unless one is given.
 *
 * @param others Told the tags that are left out where none was given.
 * @returns The models, those nearest to the root first; none where the repository has no model.
 * @throws {UserError} if none of them is meant, or there is half of one; it lists what is there.
 */
export function modelsIn(
  repository: ModelRepository,
  { source, tag, step }: Selection,
  others: (tags: string[]) => void = () => {},
): RemoteModel[] {
  const all = allModels(repository, step);
  // What no folder says, its meta file tells later.
  const ofKind = source === undefined
    ? all
    : all.filter((model) => [source, undefined].includes(model.source));
  if (all.length === 0) return [];
  if (ofKind.length === 0) {
    throw new UserError(`${repository.name} has no ${source} model; it has ${described(all)}`);
  }
  const tags = [...new Set(ofKind.map((model) => model.tag))];
  if (tag !== undefined && !tags.includes(tag)) {
    if (tags.length === 1) return ofKind.map((model) => ({ ...model, tag }));
    throw new UserError(`${repository.name} has no model "${tag}"; it has ${described(ofKind)}`);
  }
  const chosen = tag ?? defaultTag(new Map(tags.map((tag) => [tag, 0])));
  if (tag === undefined && tags.length > 1) others(tags.filter((tag) => tag !== chosen));
  return ofKind.filter((model) => model.tag === chosen);
}

function described(models: readonly RemoteModel[]): string {
  return models.map(({ source, tag }) => source ? `${source} ${tag}` : tag).join(", ");
}

/** Every folder's model that has the step, those nearest to the root first. */
function allModels({ name, files }: ModelRepository, step: number | undefined): RemoteModel[] {
  const folders = Map.groupBy(files, ({ path }) => parentOf(path));
  const models: RemoteModel[] = [];
  let fault: unknown;
  for (const [folder, inside] of [...folders].sort(([a], [b]) => depthOf(a) - depthOf(b))) {
    const names = inside.map(({ path }) => nameOf(path));
    // Others hold no model.
    if (completeSteps(names).length === 0 && !names.some((name) => /model_\d+\.pt$/.test(name))) {
      continue;
    }
    try {
      const found = filesOfStep(names, folder ? `${name}/${folder}` : name, step);
      models.push({ folder, files: found, ...namesOf(folder, name) });
    } catch (error) {
      fault ??= error;
    }
  }
  if (models.length === 0 && fault !== undefined) throw fault;
  return models;
}

/** The tag and kind of a folder's model. */
function namesOf(
  folder: string,
  repository: string,
): { tag: string; source: CheckpointSource | undefined } {
  const parts = folder === "" ? [] : folder.split("/");
  const source = parts.map((part) => SOURCES.get(part)).findLast(Boolean);
  const own = parts.filter((part) => !SOURCES.has(part) && isModelTag(part));
  const depth = own.findLast((part) => /^d\d+/.test(part));
  return { tag: depth ?? own.at(-1) ?? tagOfRepository(repository), source };
}

/** The tag of a repository's model where no folder names it: `d32` of `karpathy/nanochat-d32`. */
export function tagOfRepository(repository: string): string {
  const name = nameOf(repository);
  const depth = /(?:^|[^a-z0-9])(d\d+)(?![a-z0-9])/i.exec(name)?.[1].toLowerCase();
  return depth ?? name.replace(/^\.+/, "");
}

/**
 * A file that belongs to a folder's model: the nearest in that folder or one above, or in a folder of
 * its own there; else the only one of its name.
 *
 * @param names The file's name and that of the folder it may lie in: `tokenizer.pkl`, `tokenizer`.
 * @returns The file; undefined where there is none, or several lie elsewhere.
 */
export function nearestFile(
  files: readonly RepositoryFile[],
  folder: string,
  [name, holder]: [string, string],
): RepositoryFile | undefined {
  for (let at = folder;; at = parentOf(at)) {
    const prefix = at === "" ? "" : `${at}/`;
    for (const path of [`${prefix}${name}`, `${prefix}${holder}/${name}`]) {
      const found = files.find((file) => file.path === path);
      if (found) return found;
    }
    if (at === "") break;
  }
  const elsewhere = files.filter(({ path }) => nameOf(path) === name);
  return elsewhere.length === 1 ? elsewhere[0] : undefined;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function depthOf(folder: string): number {
  return folder === "" ? 0 : folder.split("/").length;
}
