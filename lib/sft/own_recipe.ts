/**
 * Settings for one's own conversations alone: how many they are is looked at before they are chosen.
 *
 * @module
 */
import { type CheckpointFiles, readMeta } from "../checkpoint/disk/mod.ts";
import { SINGLE } from "../ranks/mod.ts";
import {
  chooseSettings,
  inheritSettings,
  openTokenizer,
  type RunIo,
  type RunMixtures,
  snakeCase,
} from "../training/mod.ts";
import type { SftOptions } from "./options.ts";

/**
 * The options with the recipe for what was not said, which is told in a line each. They are kept with
 * the run, as what was said is.
 *
 * @param files The checkpoint that the run begins with.
 */
export async function withOwnRecipe(
  options: SftOptions,
  { train }: RunMixtures,
  files: CheckpointFiles,
  { baseDir, terminal, signal, ranks = SINGLE }: RunIo,
): Promise<SftOptions> {
  const { raw } = await readMeta(files.meta);
  const chosen = await chooseSettings({
    data: options.data,
    train,
    tokenizer: await openTokenizer(baseDir, files),
    inherited: inheritSettings({}, raw, undefined, options.source),
    said: Object.fromEntries(options.given.map((name) => [name, options[name]])),
    worldSize: ranks.worldSize,
  }, signal);
  for (const { name, value, why } of chosen) {
    terminal.info(`${snakeCase(name)}=${value} by the recipe for own data: ${why}`);
  }
  return { ...options, ...Object.fromEntries(chosen.map(({ name, value }) => [name, value])) };
}
