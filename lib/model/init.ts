/**
 * nanochat's initialisation for pretraining.
 *
 * @module
 */
import type { ModelConfig } from "../model_config.ts";
import { PythonRandom } from "../random/mod.ts";
import { sizeOf } from "../shapes.ts";
import type { ParameterSource } from "./gpt.ts";
import { type ParameterSpec, parameterSpecs } from "./parameters.ts";

/** Seeds of a model's parameters are that many apart from the next model's. */
const PARAMETERS_PER_SEED = 1 << 16;

/** Value `index` of a parameter, drawn from its generator. */
type Draw = (random: PythonRandom, index: number) => number;

/**
 * Values for a model that is to be pretrained. Every matrix that writes to the residual stream
 * begins at zero, so that each block begins as the identity.
 *
 * Each parameter has a generator of its own, so the values depend on the seed and the model's shape
 * alone. A parameter is read from its start, slice by slice.
 *
 * @param config The model's shape.
 * @param seed A whole number below 2³⁷; equal seeds give equal models.
 *
 * @example
 * ```ts
 * import { initialParameters } from "@nanochat/sft/model";
 * import { assertEquals } from "@std/assert";
 *
 * const config = { sequenceLen: 256, vocabSize: 512, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 64,
 *   windowPattern: "L" };
 * const values = initialParameters(config, 42); // for GPT's load
 * assertEquals(await values("backout_lambda", 0, 1), Float32Array.of(0.2));
 * ```
 */
export function initialParameters(config: ModelConfig, seed: number): ParameterSource {
  const specs = new Map(
    parameterSpecs(config, { smear: true, backout: true }).map((spec, number) => [
      spec.name,
      { ...spec, draw: drawOf(spec, config), seed: seed * PARAMETERS_PER_SEED + number },
    ]),
  );
  const readers = new Map<string, { random: PythonRandom; position: number }>();
  return (name, start, count) => {
    const spec = specs.get(name);
    if (!spec || start + count > sizeOf(spec.shape)) {
      throw new RangeError(`the model has no ${count} values of ${name} from ${start}`);
    }
    const reader = start === 0
      ? { random: new PythonRandom(spec.seed), position: 0 }
      : readers.get(name);
    if (reader?.position !== start) throw new RangeError(`${name} is read from its start`);
    readers.set(name, reader);
    reader.position += count;
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = spec.draw(reader.random, start + i);
    return Promise.resolve(values);
  };
}

/** How the values of a parameter are drawn. */
function drawOf({ name, kind }: ParameterSpec, config: ModelConfig): Draw {
  const bound = Math.sqrt(3 / config.nEmbd); // of a uniform distribution with deviation 1/√C
  const within = (limit: number): Draw => (random) => random.uniform(-limit, limit);
  const last = Math.max(config.nLayer - 1, 1);
  if (kind === "wte") return (random) => random.gauss(0, 0.8);
  if (kind === "lmHead") return (random) => random.gauss(0, 0.001);
  if (kind === "valueEmbeds") return within(bound);
  if (name === "resid_lambdas") return (_, layer) => 1.15 - 0.1 * layer / last;
  if (name === "x0_lambdas") return (_, layer) => 0.2 - 0.15 * layer / last;
  if (name === "smear_lambda") return () => 0;
  if (name === "backout_lambda") return () => 0.2;
  if (name.endsWith("_gate.weight")) return (random) => random.uniform(0, 0.02);
  if (name.endsWith("c_proj.weight")) return () => 0;
  return within(name.endsWith("c_fc.weight") ? 0.4 * bound : bound);
}
