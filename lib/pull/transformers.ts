/**
 * Models of repositories in the form of the transformers library.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { ModelRepository, RepositoryFile } from "../hub/mod.ts";
import type { Gathering } from "./gathering.ts";
import { checkFits, type PulledModel } from "./placement.ts";

/**
 * Makes a nanochat model of a folder of transformers.
 *
 * @param folder Where `config.json`, `*.safetensors` and `tokenizer.json` lie.
 * @param baseDir The base directory that it goes to.
 * @param tag Its tag there.
 */
export type ImportModel = (folder: string, baseDir: string, tag: string) => Promise<PulledModel>;

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
 * @throws {UserError} if nothing here can.
 */
export async function pullTransformers(
  name: string,
  files: readonly RepositoryFile[],
  gathering: Gathering,
  { baseDir, tag, importModel }: { baseDir: string; tag: string; importModel?: ImportModel },
): Promise<PulledModel> {
  if (importModel === undefined) {
    throw new UserError(
      `${name} holds a model of the transformers library and none of nanochat's ` +
        "(model_*.pt with meta_*.json), which alone can be fetched",
    );
  }
  // The weights twice: those that are fetched, and those that are made of them.
  const bytes = 2 * files.reduce((sum, { size }) => sum + (size ?? 0), 0);
  await checkFits([{ directory: baseDir, bytes }]);
  for (const file of files) await gathering.fetch(file, file.path);
  return await importModel(gathering.folder, baseDir, tag);
}
