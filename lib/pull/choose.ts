/**
 * Which of a repository's models are fetched, after their meta files were read.
 *
 * @module
 */
import { type CheckpointSource, parseMeta } from "../checkpoint/mod.ts";
import type { ModelRepository } from "../hub/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import { formatBytes } from "../training/mod.ts";
import type { Gathering } from "./gathering.ts";
import type { RemoteModel, Selection } from "./models.ts";
import type { ChosenModel } from "./placement.ts";
import { sourceOfMeta } from "./source_of_meta.ts";

/** What of a repository is fetched. */
export interface Choice extends Selection {
  /** Whether the optimizer's state comes too, which is twice as large as the model. */
  optimizer: boolean;
  /** Whether one model is enough, that to talk with; otherwise one of every kind comes. */
  onlyOne?: boolean;
}

/** A model that was chosen. */
export interface DescribedModel extends ChosenModel {
  /** Its folder in the repository. */
  folder: string;
  /** Tokens that it knows, of its tokenizer. */
  vocabSize: number;
}

/** A model, and why it is taken for one of its kind if its folder does not say so. */
interface Candidate {
  model: DescribedModel;
  because?: string;
}

/** The kinds in the order in which one would talk with them. */
export const FOR_TALK: readonly CheckpointSource[] = ["sft", "rl", "mid", "base"];

/**
 * Reads the meta files of models and chooses one of each kind that is wanted, or one in all.
 *
 * @param remote The models, those to prefer first.
 * @throws {UserError} if a meta file is malformed.
 */
export async function chooseModels(
  repository: ModelRepository,
  remote: readonly RemoteModel[],
  { source, optimizer, onlyOne }: Choice,
  gathering: Gathering,
  terminal: Terminal,
): Promise<DescribedModel[]> {
  const candidates: Candidate[] = [];
  for (const model of remote) candidates.push(await describe(repository, model, gathering));
  const ofKind = candidates.filter(({ model }) => model.source === (source ?? model.source));
  // What is said counts for more than what a meta file seems to be.
  const meant = ofKind.length > 0
    ? ofKind
    : candidates.map(({ model }) => ({ model: { ...model, source: source! } }));
  const chosen = FOR_TALK.flatMap((kind) => meant.find(({ model }) => model.source === kind) ?? [])
    .slice(0, onlyOne ? 1 : undefined);
  return chosen.map(({ model, because }: Candidate) => {
    const { source, step, tag, optimizers } = model;
    if (because !== undefined) {
      terminal.info(
        `${repository.name} does not say which kind of model step ${step} is: taken for ${source}, ` +
          `for its meta file ${because}`,
      );
    }
    if (optimizer || optimizers.size === 0) return model;
    const bytes = [...optimizers.values()].reduce((sum, { size }) => sum + (size ?? 0), 0);
    terminal.info(`The optimizer's state of ${source} ${tag} is left out: ${formatBytes(bytes)}`);
    return { ...model, optimizers: new Map() };
  });
}

async function describe(
  { name, files }: ModelRepository,
  remote: RemoteModel,
  gathering: Gathering,
): Promise<Candidate> {
  const { folder, tag, files: { step, ...names } } = remote;
  const fileOf = (name: string) => {
    const path = folder === "" ? name : `${folder}/${name}`;
    return files.find((file) => file.path === path)!;
  };
  const metaFile = fileOf(names.meta);
  const meta = await Deno.readFile(await gathering.fetch(metaFile));
  const { raw, modelConfig: { vocabSize } } = parseMeta(
    new TextDecoder().decode(meta),
    `${name}/${metaFile.path}`,
  );
  const told = sourceOfMeta(raw);
  const optimizers = new Map(
    Array.from(names.optimizers, ([rank, name]) => [optimizerName(name, step, rank), fileOf(name)]),
  );
  const source = remote.source ?? told.source;
  return {
    model: { source, tag, step, model: fileOf(names.model), optimizers, meta, folder, vocabSize },
    because: remote.source === undefined ? told.because : undefined,
  };
}

/** nanochat's name for a file of optimizer state; one without a rank stays so. */
function optimizerName(name: string, step: number, rank: number): string {
  const digits = String(step).padStart(6, "0");
  return /^optim_\d+\.pt$/.test(name) ? `optim_${digits}.pt` : `optim_${digits}_rank${rank}.pt`;
}
