/**
 * Where the files of a model go, and that they fit there.
 *
 * @module
 */
import { join } from "@std/path";
import { checkpointDirectory, DiskFolder, fileNames } from "../checkpoint/disk/mod.ts";
import type { CheckpointSource } from "../checkpoint/mod.ts";
import { UserError } from "../errors.ts";
import { finishDownload, type Hub, type RepositoryFile } from "../hub/mod.ts";
import type { Need } from "../training/mod.ts";
import { labelOf } from "./gathering.ts";

/** A model of a repository that has been looked at. */
export interface ChosenModel {
  /** Its kind. */
  source: CheckpointSource;
  /** Its tag here. */
  tag: string;
  /** The step. */
  step: number;
  /** Its state dict. */
  model: RepositoryFile;
  /** The optimizer's state in files by their names here; empty if it is not wanted. */
  optimizers: ReadonlyMap<string, RepositoryFile>;
  /** Its meta file's text in UTF-8. */
  meta: Uint8Array;
}

/** A model that was fetched, or was there already. */
export interface PulledModel {
  /** Its kind. */
  source: CheckpointSource;
  /** Its tag. */
  tag: string;
  /** The step. */
  step: number;
  /** Where it lies. */
  directory: string;
}

/** A file that is fetched, and its place. */
interface Fetched {
  file: RepositoryFile;
  path: string;
}

/** What is fetched of a model, and where it goes: under nanochat's names, which this package finds too. */
export class Placement {
  /** The model's folder. */
  readonly directory: string;
  readonly #metaName: string;
  readonly #files: Fetched[];
  /** What is not there yet. */
  #missing: Fetched[] = [];
  #isMetaMissing = true;

  /** Says where the files go; nothing is looked at. */
  constructor(private readonly repository: string, readonly model: ChosenModel, baseDir: string) {
    const { source, tag, step } = model;
    const digits = String(step).padStart(6, "0");
    this.directory = checkpointDirectory(baseDir, source, tag);
    this.#metaName = `meta_${digits}.json`;
    this.#files = [[`model_${digits}.pt`, model.model] as const, ...model.optimizers]
      .map(([name, file]) => ({ file, path: join(this.directory, name) }));
  }

  /**
   * Compares the files with those that are there.
   *
   * @throws {UserError} if another model is there.
   */
  async look(hub: Hub): Promise<void> {
    const { directory, repository, model: { step, meta } } = this;
    const names = await fileNames(directory);
    // Those of a run of this package's are found before nanochat's.
    const own = names.find((name) => name.startsWith(`step_${step}_`));
    if (own !== undefined) throw this.#taken(own);
    this.#isMetaMissing = !names.includes(this.#metaName);
    if (!this.#isMetaMissing) {
      const there = await Deno.readFile(join(directory, this.#metaName));
      if (there.length !== meta.length || there.some((byte, i) => byte !== meta[i])) {
        throw this.#taken(this.#metaName);
      }
    }
    this.#missing = [];
    for (const fetched of this.#files) {
      const { file, path } = fetched;
      const isThere = await Deno.stat(path).then(() => true, () => false);
      if (!isThere) this.#missing.push(fetched);
      else if (!await hub.isExpected(path, file)) {
        throw this.#taken(path.slice(directory.length + 1), repository);
      }
    }
  }

  #taken(name: string, repository = this.repository): UserError {
    return new UserError(
      `${join(this.directory, name)} is of another model than ${repository}'s: give this one ` +
        "another tag, or move that folder elsewhere",
    );
  }

  /** Whether all of it is there. */
  get isComplete(): boolean {
    return !this.#isMetaMissing && this.#missing.length === 0;
  }

  /** What is still to come. */
  async need(): Promise<Need> {
    let bytes = 0;
    for (const { file, path } of this.#missing) {
      const part = await Deno.stat(`${path}.part`).catch(() => undefined);
      bytes += Math.max(0, (file.size ?? 0) - (part?.size ?? 0));
    }
    return { directory: this.directory, bytes };
  }

  /** Fetches what is missing, beside its place. */
  async fetch(hub: Hub): Promise<void> {
    for (const { file, path } of this.#missing) {
      await hub.download(file.url, path, labelOf(this.repository, file), file);
    }
  }

  /** Gives everything its place; the meta file, without which it is no checkpoint, comes last. */
  async place(): Promise<void> {
    for (const { path } of this.#missing) await finishDownload(path);
    if (this.#isMetaMissing) {
      await new DiskFolder(this.directory).writeBytes(this.#metaName, this.model.meta);
    }
  }
}
