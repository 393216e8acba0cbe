/**
 * Settings for one's own conversations alone: how many they are is looked at before they are chosen.
 *
 * @module
 */
import { type CheckpointFiles, readMeta } from "../checkpoint/disk/mod.ts";
import { SINGLE } from "../ranks/mod.ts";
import { parseOwnData } from "../tasks/mod.ts";
import {
  dataAmount,
  inheritSettings,
  openTokenizer,
  type RunIo,
  type RunMixtures,
  smallDataSettings,
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
  const amount = await dataAmount(train, await openTokenizer(baseDir, files), signal);
  const { raw } = await readMeta(files.meta);
  const inherited = inheritSettings({}, raw, undefined, options.source);
  const checkpoint = { ...inherited, deviceBatchSize: Number(inherited.deviceBatchSize) };
  const said = Object.fromEntries(options.given.map((name) => [name, options[name]]));
  const hasEpochs = options.data.some((own) => parseOwnData(own).path !== own);
  const { worldSize } = ranks;
  const chosen = smallDataSettings(amount, checkpoint, said, { hasEpochs, worldSize });
  for (const { name, value, why } of chosen) {
    terminal.info(`${snakeCase(name)}=${value} by the recipe for own data: ${why}`);
  }
  return { ...options, ...Object.fromEntries(chosen.map(({ name, value }) => [name, value])) };
}
