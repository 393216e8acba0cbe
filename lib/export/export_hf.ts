/**
 * A checkpoint as a folder that transformers loads.
 */
import { formatJson } from "../json.ts";
import { converted, type ConvertOptions } from "./convert.ts";
import { fitsClass, generationConfig, hfConfig } from "./hf_config.ts";
import { toClassName } from "./hf_names.ts";
import { modelCard } from "./model_card.ts";
import { NewFolder } from "./new_folder.ts";
import configurationSource from "./python/configuration_nanochat.py" with { type: "text" };
import modelingSource from "./python/modeling_nanochat.py" with { type: "text" };
import { BESIDE_WEIGHTS, bytesOfAll, SHARD_BYTES, writeShards } from "./shards.ts";
import type { StoredModel } from "./stored_model.ts";
import { tokenizerConfig, tokenizerJson } from "./tokenizer_json.ts";

/** How a folder is written. */
export interface HfOptions extends ConvertOptions {
  /** Most bytes of a file of weights; 5 GB unless given. */
  shardBytes?: number;
}

/**
 * Writes a folder for transformers: weights, configuration, tokenizer with the chat format, sampling
 * and a model card. It appears whole or not at all.
 *
 * @throws {UserError} if something is there already, the disk has no room, or a number is too large
 * for the type that is asked for.
 */
export async function writeHfFolder(
  model: StoredModel,
  path: string,
  options: HfOptions = {},
): Promise<void> {
  const isClass = fitsClass(model.parts);
  const tensors = new Map(
    converted(model.tensors, options).entries()
      .map(([name, tensor]) => [isClass ? toClassName(name)! : name, tensor]),
  );
  await using folder = await NewFolder.create(path, bytesOfAll(tensors) + BESIDE_WEIGHTS);
  const json = (name: string, value: unknown) => folder.write(name, formatJson(value, 2) + "\n");
  await json("config.json", hfConfig(model, tensors));
  await json("generation_config.json", generationConfig(model));
  await json("tokenizer.json", tokenizerJson(model.tokenizer));
  await json("tokenizer_config.json", tokenizerConfig(model.tokenizer, model.config.sequenceLen));
  await folder.write("README.md", modelCard(model));
  if (!isClass) {
    await folder.write("configuration_nanochat.py", configurationSource);
    await folder.write("modeling_nanochat.py", modelingSource);
  }
  await writeShards(folder, tensors, options.shardBytes ?? SHARD_BYTES);
  await folder.commit();
}
