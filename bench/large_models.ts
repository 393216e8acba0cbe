/**
 * Writes a base directory with a model as large as those that people train on GPUs, its weights
 * drawn at random, and a tokenizer that fits it.
 *
 *     deno run -A bench/large_models.ts d4|d12|d20 BASE_DIR
 *
 * d4 and d12 are nanochat's of May 2026 with 32,768 tokens, d20 its first speedrun of October 2025 with
 * 65,536. Beside it lies `mixture.json`, with conversations to fine-tune it on.
 */
import { join, resolve } from "@std/path";
import { DiskFolder, saveBaseCheckpoint } from "../lib/checkpoint/disk/mod.ts";
import { UserError } from "../lib/errors.ts";
import { type ModelConfig, type ModelParts, parameterSpecs } from "../lib/model/mod.ts";
import type { ParameterSpec } from "../lib/model/mod.ts";
import type { TensorSource } from "../lib/tensor_source.ts";
import { SPECIAL_TOKENS, SPLIT_PATTERN, Tokenizer } from "../lib/tokenizer/mod.ts";
import "./plain_errors.ts";

const MODELS: Record<string, { config: ModelConfig; parts: ModelParts }> = {
  d4: { config: configOf(4, 32768, "SSSL"), parts: { smear: true, backout: true } },
  d12: { config: configOf(12, 32768, "SSSL"), parts: { smear: true, backout: true } },
  d20: {
    config: configOf(20, 65536, "L"),
    parts: { smear: false, backout: false, lambdas: false, valueGate: null, windows: "none" },
  },
};

/** nanochat's shape of a depth: 64 channels a block, heads of 128. */
function configOf(nLayer: number, vocabSize: number, windowPattern: string): ModelConfig {
  const nEmbd = 64 * nLayer, nHead = nEmbd / 128;
  return { sequenceLen: 2048, vocabSize, nLayer, nHead, nKvHead: nHead, nEmbd, windowPattern };
}

/** All bytes and as many pairs of bytes as the vocabulary has room for. */
function tokenizerOf(vocabSize: number): Tokenizer {
  const ordinary = vocabSize - SPECIAL_TOKENS.length;
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const pairs = Array.from(
    { length: ordinary - bytes.length },
    (_, i) => Uint8Array.of(i >> 8, i & 255),
  );
  return new Tokenizer({
    pattern: SPLIT_PATTERN,
    tokens: [...bytes, ...pairs],
    specialTokens: new Map(SPECIAL_TOKENS.map((name, i) => [name, ordinary + i])),
  });
}

/** Uniform numbers with the deviation of nanochat's matrices; scalars are 0.5. */
function randomValues({ kind, shape }: ParameterSpec, { nEmbd }: ModelConfig): TensorSource {
  const bound = Math.sqrt(3 / nEmbd);
  const isTable = kind === "wte" || kind === "valueEmbeds";
  return {
    // As nanochat stores them on a GPU.
    dtype: isTable ? "bfloat16" : "float32",
    shape,
    read: (_, count) =>
      Promise.resolve(
        Float32Array.from({ length: count }, () =>
          kind === "scalar" ? 0.5 : bound * (2 * Math.random() - 1)),
      ),
  };
}

const [name, baseDir] = Deno.args, model = MODELS[name];
if (!model || !baseDir) {
  throw new UserError("usage: deno run -A bench/large_models.ts d4|d12|d20 BASE_DIR");
}
const { config, parts } = model;
await Deno.mkdir(join(baseDir, "tokenizer"), { recursive: true });
await tokenizerOf(config.vocabSize).save(new DiskFolder(join(baseDir, "tokenizer")));
const specs = parameterSpecs(config, parts);
await saveBaseCheckpoint(baseDir, name, {
  step: 1,
  modelConfig: config,
  parts,
  stateDict: new Map(specs.map((spec) => [spec.name, randomValues(spec, config)])),
  meta: {},
});
const lines = Array.from({ length: 64 }, (_, i) => {
  const content = `Say ${i} in many words.`, answer = `${i} is a number. `.repeat(120);
  return JSON.stringify([{ role: "user", content }, { role: "assistant", content: answer }]);
});
const file = resolve(baseDir, "conversations.jsonl");
await Deno.writeTextFile(file, `${lines.join("\n")}\n`);
const mixture = { train: [{ file, epochs: 50 }], validation: [{ file }] };
await Deno.writeTextFile(join(baseDir, "mixture.json"), `${JSON.stringify(mixture)}\n`);
