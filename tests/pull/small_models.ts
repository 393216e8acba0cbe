/** Repositories of models as people upload them, made of a small model. */
import { fromFileUrl, join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import type { ConnectionOptions } from "../../lib/hub/mod.ts";
import { Hub } from "../../lib/hub/mod.ts";
import { type Choice, type PulledModel, type PullIo, runPull } from "../../lib/pull/mod.ts";
import { trainTokenizer } from "../../lib/tokenizer/mod.ts";
import { FakeHub } from "../tasks/hub/fake_hub.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const PARITY = fromFileUrl(new URL("../fixtures/parity/gqa_sliding", import.meta.url));

/** A model's state dict, 1 MB. */
export const MODEL: Bytes = await Deno.readFile(join(PARITY, "model_000010.pt"));
/** Its optimizer's state. */
export const OPTIMIZER: Bytes = await Deno.readFile(join(PARITY, "optim_000010_rank0.pt"));
/** What its meta file says. */
export const META = JSON.parse(await Deno.readTextFile(join(PARITY, "meta_000010.json")));

/** The files of a tokenizer of as many tokens as the model knows. */
async function tokenizerFiles(text: string): Promise<{ pkl: Bytes; bytes: Bytes }> {
  const folder = await Deno.makeTempDir();
  const { vocab_size: vocabSize } = META.model_config;
  await (await trainTokenizer([text], { vocabSize })).save(new DiskFolder(folder));
  const [pkl, bytes] = await Promise.all(
    ["tokenizer.pkl", "token_bytes.pt"].map((name) => Deno.readFile(join(folder, name))),
  );
  await Deno.remove(folder, { recursive: true });
  return { pkl, bytes };
}

const TEXT = Array.from({ length: 400 }, (_, i) => `word${i} and ${i * i} others`).join(" ");
/** The model's tokenizer. */
export const TOKENIZER = await tokenizerFiles(TEXT);
/** Another one of the same size. */
export const OTHER_TOKENIZER = await tokenizerFiles(TEXT.toUpperCase());

/** JSON as the bytes of a file. */
export function json(value: unknown): Bytes {
  return new TextEncoder().encode(JSON.stringify(value, null, 2));
}

/** Metas as nanochat's scripts leave them, by kind. */
export const METAS = {
  base: META,
  mid: {
    step: 10,
    val_bpb: 0.7,
    model_config: (({ window_pattern: _, ...config }) => config)(META.model_config),
    user_config: { device_batch_size: 2, matrix_lr: 0.02 },
  },
  sft: { step: 10, val_loss: 1.2, mmlu_acc: 0.3, model_config: META.model_config },
  newestSft: {
    step: 10,
    val_bpb: 0.3,
    model_config: META.model_config,
    user_config: { max_seq_len: null, embedding_lr: null },
  },
  rl: { model_config: META.model_config },
};

/** The files of a model's step in a folder. */
export function modelFiles(folder: string, meta: unknown, step = 10): Record<string, Bytes> {
  const digits = String(step).padStart(6, "0"), prefix = folder && `${folder}/`;
  return { [`${prefix}model_${digits}.pt`]: MODEL, [`${prefix}meta_${digits}.json`]: json(meta) };
}

/** The files of a tokenizer in a folder. */
export function tokenizerIn(folder: string, { pkl, bytes } = TOKENIZER): Record<string, Bytes> {
  const prefix = folder && `${folder}/`;
  return { [`${prefix}tokenizer.pkl`]: pkl, [`${prefix}token_bytes.pt`]: bytes };
}

/** As karpathy/nanochat-d32: everything at the root. */
export const AT_ROOT: Record<string, Bytes> = {
  ".gitattributes": json({}),
  "README.md": json("a card"),
  ...modelFiles("", METAS.sft, 650),
  ...tokenizerIn(""),
};

/** A hub with repositories, a base directory, and what was told. */
export async function hubWith(
  repositories: Record<string, Record<string, Bytes>>,
  options: ConnectionOptions = {},
) {
  const hub = new FakeHub();
  hub.piece = 1 << 16;
  for (const [name, files] of Object.entries(repositories)) hub.addModel(name, files);
  const baseDir = await Deno.makeTempDir();
  const console = new MemoryTerminal();
  const io: PullIo = { terminal: console.terminal, baseDir, env: () => undefined };
  const waits: number[] = [];
  const notes: string[] = [];
  const client = new Hub({
    endpoint: hub.url,
    sleep: (milliseconds) => Promise.resolve(void waits.push(milliseconds)),
    note: (line) => notes.push(line),
    ...options,
  });
  return {
    hub,
    client,
    baseDir,
    console,
    io,
    waits,
    notes,
    pull: (name: string, choice: Partial<Choice> = {}, extra: Partial<PullIo> = {}): Promise<
      PulledModel[]
    > => {
      const { source, tag, step, optimizer = false } = choice;
      return runPull(name, { source, tag, step, optimizer }, { ...io, ...extra }, client);
    },
    /** The files of the base directory, but for those that are hidden. */
    files: async () => await filesIn(baseDir),
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await Deno.remove(baseDir, { recursive: true });
    },
  };
}

async function filesIn(folder: string, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (name.startsWith(".")) continue;
    if (isDirectory) paths.push(...await filesIn(join(folder, name), `${prefix}${name}/`));
    else paths.push(prefix + name);
  }
  return paths.sort();
}
