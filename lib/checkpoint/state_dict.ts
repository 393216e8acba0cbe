import { UserError } from "../errors.ts";
import { quote } from "./byte_reader.ts";
import type { ModelConfig } from "../model_config.ts";
import { list } from "./layout.ts";
import { StoredTensor } from "./stored_tensor.ts";
import type { TorchFile } from "./torch_file.ts";

/** A model's parameters, whatever the age of its checkpoint. */
export interface StateDict {
  /** Parameters by nanochat's names, for example `transformer.h.0.attn.c_q.weight`. */
  tensors: ReadonlyMap<string, StoredTensor>;
  /** Parts of the model that an older checkpoint may lack; false: they are off. */
  parts: { smear: boolean; backout: boolean };
}

/** What `DistributedDataParallel` and `torch.compile` put into the names of what they wrap. */
const WRAPPERS = new Set(["module", "_orig_mod"]);

/**
 * Takes a model's parameters from its opened file and fills in what older checkpoints lack:
 * `resid_lambdas` are ones then, `x0_lambdas` zeros. Nothing is read yet.
 *
 * @param file A `model_*.pt`; keep it open while tensors are read.
 * @param config The model's shape, from the meta file beside it.
 * @throws {UserError} if the file is no state dict, or is of another model than `config` says.
 */
export function readStateDict(file: TorchFile, config: ModelConfig): StateDict {
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
  fillIn(tensors, "resid_lambdas", config.nLayer, 1);
  fillIn(tensors, "x0_lambdas", config.nLayer, 0);
  const smear = tensors.has("smear_lambda");
  if (smear !== tensors.has("smear_gate.weight")) {
    throw new UserError(`${path}: holds one of smear_lambda and smear_gate.weight but not both`);
  }
  return { tensors, parts: { smear, backout: tensors.has("backout_lambda") } };
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

function fillIn(
  tensors: Map<string, StoredTensor>,
  name: string,
  length: number,
  value: number,
): void {
  if (tensors.has(name)) return;
  const array = new Float32Array(length).fill(value);
  tensors.set(name, StoredTensor.fromArray(name, "float32", [length], array));
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
