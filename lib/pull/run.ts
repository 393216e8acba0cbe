/**
 * Fetching a model from the hub into a base directory.
 *
 * @module
 */
import { join } from "@std/path";
import { RunLock } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { checkRepositoryName, Hub, listModelRepository, type ModelRepository } from "../hub/mod.ts";
import { checkFits, hubConnection, type RunIo } from "../training/mod.ts";
import { type Choice, chooseModels } from "./choose.ts";
import { Gathering } from "./gathering.ts";
import { modelsIn } from "./models.ts";
import { Placement, type PulledModel } from "./placement.ts";
import { pullTokenizer } from "./tokenizer.ts";
import {
  type CheckImport,
  type ImportModel,
  pullTransformers,
  transformersFiles,
} from "./transformers.ts";

/** The world around a pull. */
export interface PullIo extends Pick<RunIo, "terminal" | "baseDir" | "env"> {
  /** Aborted to stop; what was fetched so far is kept and gone on with next time. */
  signal?: AbortSignal;
  /** Makes nanochat models of those of transformers; without it they are refused. */
  importModel?: ImportModel;
  /** Refuses, before weights are fetched, those of which none could be made. */
  checkImport?: CheckImport;
}

/**
 * The base directory that a repository's models have for themselves within another.
 *
 * @example
 * ```ts
 * import { hubBaseDir } from "@nanochat/sft/pull";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(hubBaseDir("/models", "karpathy/nanochat-d32"), "/models/hub/karpathy--nanochat-d32");
 * ```
 */
export function hubBaseDir(baseDir: string, repository: string): string {
  return join(baseDir, "hub", repository.replace("/", "--"));
}

/**
 * Fetches the models of a repository, with their tokenizer, into the base directory: of one tag, the
 * last step of every kind. What is there already is compared and stays.
 *
 * @param repository Its name, OWNER/NAME.
 * @param hub Where it is fetched from; the hub that the environment names unless given.
 * @returns The models.
 * @throws {UserError} for whatever a person can mend; what was fetched so far is gone on with.
 */
export async function runPull(
  repository: string,
  options: Choice,
  io: PullIo,
  hub: Hub = new Hub(hubConnection(io)),
): Promise<PulledModel[]> {
  const { baseDir, terminal } = io;
  checkRepositoryName(repository);
  const turns = join(baseDir, ".pull");
  const gathering = new Gathering(hub, repository, join(turns, repository.replace("/", "--")));
  const wanted = {
    name: `model ${repository}`,
    remedy:
      `place its model_*.pt and meta_*.json in a folder under ${baseDir}/chatsft_checkpoints ` +
      `or base_checkpoints, and its tokenizer in ${baseDir}/tokenizer,`,
    page: `${hub.endpoint}/${repository}/tree/main`,
  };
  return await hub.inTurn(turns, wanted, async () => {
    const listed = await listModelRepository(hub, repository);
    const pulled = await fetchModels(listed, options, gathering, io, hub);
    for (const { source, tag, step, directory } of pulled) {
      terminal.print(`${repository}: ${source} model ${tag}, step ${step}, in ${directory}`);
    }
    return pulled;
  });
}

async function fetchModels(
  repository: ModelRepository,
  options: Choice,
  gathering: Gathering,
  io: PullIo,
  hub: Hub,
): Promise<PulledModel[]> {
  const { name } = repository;
  const { baseDir, terminal } = io;
  const remote = modelsIn(repository, options, (tags) => {
    terminal.info(`${name} has other models too: ${tags.join(", ")}`);
  });
  if (remote.length === 0) {
    const files = transformersFiles(repository) ?? nothingIn(name);
    const model = await pullTransformers(repository, files, options, gathering, io);
    await gathering.remove();
    return [model];
  }
  const models = await chooseModels(repository, remote, options, gathering, terminal);
  const place = { baseDir, ownBaseDir: hubBaseDir(baseDir, name), terminal };
  const tokenizer = await pullTokenizer(repository, models[0].folder, gathering, place);
  for (const { vocabSize } of models) {
    if (vocabSize === tokenizer.vocabSize) continue;
    throw new UserError(
      `${name} has a model of ${vocabSize} tokens and a tokenizer of ${tokenizer.vocabSize}: ` +
        "they do not belong together",
    );
  }

  await using locks = new AsyncDisposableStack();
  const placements = models.map((model) => new Placement(name, model, baseDir));
  for (const placement of placements) {
    // No run may write there meanwhile.
    locks.use(await RunLock.acquire(placement.directory));
    await placement.look(hub);
  }
  await checkFits(await Promise.all(placements.map((placement) => placement.need())));
  if (placements.every(({ isComplete }) => isComplete)) terminal.info(`${name} is there already`);
  for (const placement of placements) await placement.fetch(hub);
  await tokenizer.place();
  for (const placement of placements) await placement.place();
  await gathering.remove();
  return placements.map(({ directory, model: { source, tag, step } }) => ({
    source,
    tag,
    step,
    directory,
  }));
}

function nothingIn(name: string): never {
  throw new UserError(`${name} has no model of nanochat's (model_*.pt with meta_*.json)`);
}
