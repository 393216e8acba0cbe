import { UserError } from "../errors.ts";
import { quote } from "./byte_reader.ts";
import type { ModelConfig } from "../model_config.ts";
import type { ModelParts } from "../model_parts.ts";
import { type Era, findEra, type Known } from "./era.ts";
import { list } from "./layout.ts";
import { StoredTensor } from "./stored_tensor.ts";
import type { TorchFile } from "./torch_file.ts";

/** A model's parameters, whatever the age of its checkpoint. */
export interface StateDict {
  /** Parameters by nanochat's names, for example `transformer.h.0.attn.c_q.weight`. */
  tensors: ReadonlyMap<string, StoredTensor>;
  /** What the model computes; what is not given is as in the newest. */
  parts: ModelParts;
  /** Which of nanochat's architectures it is of. */
  era: Era;
}

/** What `DistributedDataParallel` and `torch.compile` put into the names of what they wrap. */
const WRAPPERS = new Set(["module", "_orig_mod"]);

/**
 * Takes a model's parameters from its opened file and finds which of nanochat's architectures it is
 * of. Nothing is read yet.
 *
 * @param file A `model_*.pt`; keep it open while tensors are read.
 * @param config The model's shape, from the meta file beside it.
 * @param known What else is known of it: the whole meta file, what a person says.
 * @throws {UserError} if the file is no state dict, is of another model than `config` says, or of an
 * architecture that nanochat never had.
 */
export function readStateDict(
  file: TorchFile,
  config: ModelConfig,
  known: Known = {},
): StateDict {
  const { name: path, root } = file;
  if (!(root instanceof Map)) throw new UserError(`${path}: is not a model's state dict`);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, value] of root) {
    if (typeof key !== "string" || !(value instanceof StoredTensor)) {
      throw new UserError(
        `${path}: is not a model's state dict: ${quote(String(key))} is no tensor`,
      );
    }
    const name = key.split(".").filter((part) => !WRAPPERS.has(part)).join(".");
    if (tensors.has(name)) throw new UserError(`${path}: holds ${quote(name)} twice`);
    tensors.set(name, value);
  }
  checkConfig(tensors, config, path);
  const era = findEra(tensors, config, known, path);
  return { tensors, parts: era.parts, era };
}

/**
 * Checks that a model's file holds its parameters and nothing else, as PyTorch's `strict=True`.
 *
 * @param tensors What {@linkcode readStateDict} gave.
 * @param parameters The model's, each with its name and shape.
 * @param path What error messages call the file.
 * @throws {UserError} naming what is missing, of another shape, or unknown.
 */
export function checkParameters(
  tensors: ReadonlyMap<string, StoredTensor>,
  parameters: Iterable<{ name: string; shape: readonly number[] }>,
  path: string,
): void {
  const shapes = new Map(Array.from(parameters, ({ name, shape }) => [name, shape]));
  const missing = [...shapes.keys()].filter((name) => !tensors.has(name));
  const unknown = [...tensors.keys()].filter((name) => !shapes.has(name));
  const faults = [
    ...missing.length > 0 ? [`lacks ${missing.length} parameters (${list(missing)})`] : [],
    ...unknown.length > 0
      ? [`has ${unknown.length} that the model lacks (${list(unknown.map(quote))})`]
      : [],
  ];
  if (faults.length > 0) throw new UserError(`${path}: ${faults.join(" and ")}`);
  for (const [name, shape] of shapes) {
    const stored = tensors.get(name)!.shape;
    if (stored.join() === shape.join()) continue;
    throw new UserError(
      `${path}: ${name} should be (${shape.join(", ")}), but is (${stored.join(", ")})`,
    );
  }
}

/** Notices a model and a meta file that do not belong together. */
function checkConfig(
  tensors: ReadonlyMap<string, StoredTensor>,
  { nLayer, nEmbd, vocabSize }: ModelConfig,
  path: string,
): void {
  const embedding = tensors.get("transformer.wte.weight");
  if (embedding === undefined) {
    throw new UserError(`${path}: has no transformer.wte.weight; it is not a nanochat model`);
  }
  const [rows, columns] = embedding.shape;
  const layers = new Set<string>();
  for (const name of tensors.keys()) {
    const layer = /^transformer\.h\.(\d+)\./.exec(name);
    if (layer !== null) layers.add(layer[1]);
  }
  if (columns !== nEmbd || rows < vocabSize || layers.size !== nLayer) {
    throw new UserError(
      `${path}: its ${layers.size} layers, ${rows} tokens and ${columns} channels are not those of the meta file beside it (n_layer ${nLayer}, vocab_size ${vocabSize}, n_embd ${nEmbd})`,
    );
  }
}
