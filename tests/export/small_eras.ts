/** Base directories with a small random model of each of nanochat's architectures. */
import { join } from "@std/path";
import { DiskFolder, writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import {
  CHECKPOINT_FOLDERS,
  type CheckpointSource,
  OrderedDict,
  tensorFromArray,
} from "../../lib/checkpoint/mod.ts";
import { type ModelParts, parameterSpecs } from "../../lib/model/mod.ts";
import { formatJson } from "../../lib/json.ts";
import { PythonRandom } from "../../lib/random/mod.ts";
import { sizeOf } from "../../lib/shapes.ts";
import type { RunIo } from "../../lib/training/mod.ts";
import { trainTokenizer } from "../../lib/tokenizer/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const VOCAB_SIZE = 300;

/** What a model computes, and what its meta file says. */
export interface SmallEra {
  name: string;
  source: CheckpointSource;
  parts: ModelParts;
  /** Of the meta file, beside the six sizes. */
  pattern?: string;
  meta: Record<string, unknown>;
}

const FIRST: ModelParts = { smear: false, backout: false, lambdas: false, valueGate: null };
const VALUES: ModelParts = { ...FIRST, lambdas: true, valueGate: { channels: 32, scale: 2 } };

/** One of each. */
export const SMALL_ERAS: SmallEra[] = [
  {
    name: "plain",
    source: "base",
    parts: { ...FIRST, paddedTables: false },
    meta: { step: 20, val_bpb: 0.9, user_config: { depth: 2, embedding_lr: 0.2 } },
  },
  { name: "padded", source: "sft", parts: FIRST, meta: { step: 20, val_loss: 1, mmlu_acc: 0.3 } },
  { name: "lambdas", source: "rl", parts: { ...FIRST, lambdas: true }, meta: {} },
  {
    name: "windows",
    source: "base",
    parts: { ...FIRST, lambdas: true },
    pattern: "SL",
    meta: { step: 20, val_bpb: NaN },
  },
  { name: "values", source: "mid", parts: VALUES, meta: { step: 20, val_bpb: 0.4 } },
  {
    name: "bigram",
    source: "base",
    parts: { ...VALUES, bigram: true },
    pattern: "SSSL",
    meta: { step: 20 },
  },
  {
    name: "softcap of 20",
    source: "base",
    parts: VALUES,
    pattern: "L",
    meta: { step: 20, user_config: { depth: 2, eval_tokens: 80 * 524288 } },
  },
  {
    name: "thirds",
    source: "base",
    parts: { smear: false, backout: false },
    pattern: "SSL",
    meta: { step: 20 },
  },
  {
    name: "newest",
    source: "sft",
    parts: { smear: true, backout: true },
    pattern: "SL",
    meta: { step: 20, run: { id: "x" }, run_state: { step: 20 }, saved: "2026-07-04" },
  },
];

/** Numbers that a rounding, or a detour by decimal digits, would change. */
const DELICATE = [-0, 2 ** -149, -(2 ** -126) * 0.75, 3.3999999521443642e38, NaN, -Infinity, 1 / 3];

/** Makes the base directory of a model, under the tag `d2`, with a tokenizer of its own. */
export async function writeSmallEra(baseDir: string, era: SmallEra): Promise<void> {
  const texts = ["the cat sat on the mat, the hat and the bat; 12 cats and 34 hats"];
  const tokenizer = await trainTokenizer(texts, { vocabSize: VOCAB_SIZE });
  await tokenizer.save(new DiskFolder(join(baseDir, "tokenizer")));
  const [sequenceLen, nLayer, nHead, nKvHead, nEmbd] = [64, 2, 2, 1, 48];
  const config = {
    sequenceLen,
    vocabSize: tokenizer.vocabSize,
    nLayer,
    nHead,
    nKvHead,
    nEmbd,
    windowPattern: era.pattern ?? "L",
  };
  const random = new PythonRandom(7);
  const stateDict = parameterSpecs(config, era.parts).map(({ name, shape, kind }) => {
    const length = sizeOf(shape);
    const values = Float32Array.from({ length }, (_, i) => DELICATE[i] ?? random.random() - 0.5);
    const isTable = kind === "wte" || kind === "valueEmbeds" || kind === "bigramEmbed";
    return [name, tensorFromArray(isTable ? "bfloat16" : "float32", shape, values)] as const;
  });
  const folder = join(baseDir, CHECKPOINT_FOLDERS[era.source], "d2");
  await Deno.mkdir(folder, { recursive: true });
  await writeTorchFile(join(folder, "model_000020.pt"), new OrderedDict(stateDict));
  const meta = {
    ...era.meta,
    model_config: {
      sequence_len: sequenceLen,
      vocab_size: tokenizer.vocabSize,
      n_layer: nLayer,
      n_head: nHead,
      n_kv_head: nKvHead,
      n_embd: nEmbd,
      ...era.pattern ? { window_pattern: era.pattern } : {},
    },
  };
  await Deno.writeTextFile(
    join(folder, "meta_000020.json"),
    formatJson(meta, 2),
  );
}

/** The one of a name. */
export function smallEra(name: string): SmallEra {
  return SMALL_ERAS.find((era) => era.name === name)!;
}

/** A world around an export or an import, and what was printed in it. */
export function world(baseDir: string): { io: RunIo; console: MemoryTerminal } {
  const console = new MemoryTerminal();
  const io = {
    terminal: console.terminal,
    baseDir,
    signal: new AbortController().signal,
    env: () => undefined,
    now: () => 0,
  };
  return { io, console };
}

/** Runs `body` with the base directory of a small model, and a folder for what comes of it. */
export function withSmall(
  era: SmallEra,
  body: (from: string, dir: string) => Promise<void>,
): () => Promise<void> {
  return () =>
    inTempDir(async (dir) => {
      const from = join(dir, "from");
      await writeSmallEra(from, era);
      await body(from, dir);
    });
}
