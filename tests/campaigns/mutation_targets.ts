/** The files that are damaged, and how each is read: as the commands read it. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { join } from "@std/path";
import { parquetWriteBuffer } from "hyparquet-writer";
import {
  DiskFolder,
  openSafetensors,
  openTorchFile,
  readMeta,
  writeSafetensors,
} from "../../lib/checkpoint/disk/mod.ts";
import {
  checkParameters,
  readStateDict,
  type StoredTensor,
  tensorFromArray,
  unpickle,
} from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT, parameterSpecs } from "../../lib/model/mod.ts";
import {
  loadOptimizerState,
  Optimizer,
  optimizerState,
  parameterGroups,
} from "../../lib/optim/mod.ts";
import { OwnConversations } from "../../lib/tasks/own_data.ts";
import { loadMixtureFile, LocalSource } from "../../lib/tasks/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import pickles from "../fixtures/pickles.json" with { type: "json" };
import { fixture, writeZip } from "../checkpoint/torch_archive.ts";
import { Float64Device } from "../device/float64_device.ts";

/** A kind of file. */
export interface Target {
  /** What it is called in the figures. */
  kind: string;
  /** The whole file. */
  bytes: Uint8Array<ArrayBuffer>;
  /**
   * Reads the file's content from a folder that is its own, where these bytes are put first.
   *
   * @returns What was read, in a form that can be compared.
   */
  read(bytes: Uint8Array<ArrayBuffer>, dir: string): Promise<unknown>;
  /** Whether the format notices every change of its content, so that what is read is the original. */
  isChecked?: boolean;
}

const MODEL = fixture("parity/mha_full/model_000010.pt");
const OPTIMIZER = fixture("parity/mha_full/optim_000010_rank0.pt");
const TOKENIZER = fixture("tokenizer/tokenizer.pkl");
const TOKEN_BYTES = fixture("tokenizer/token_bytes.pt");
const META = fixture("parity/mha_full/meta_000010.json");

const { modelConfig } = await readMeta(META);

async function put(dir: string, name: string, bytes: Uint8Array): Promise<string> {
  const path = join(dir, name);
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.writeFile(path, bytes);
  return path;
}

/** Checksums stand for long lists of numbers. */
async function digest(tensors: Iterable<[unknown, StoredTensor]>): Promise<unknown> {
  const sums: unknown[] = [];
  for (const [name, tensor] of tensors) {
    const values = await tensor.readFloat32();
    sums.push([name, values.length, values.reduce((sum, x, i) => sum + x * (1 + i % 7), 0)]);
  }
  return sums;
}

async function readModel(path: string): Promise<unknown> {
  using file = await openTorchFile(path);
  const { tensors, parts } = readStateDict(file, modelConfig);
  checkParameters(tensors, parameterSpecs(modelConfig, parts), path);
  return await digest(tensors);
}

const model = new GPT(new Float64Device(), modelConfig, { training: true });
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
const optimizer = new Optimizer(
  model.device,
  parameterGroups([...model.parameters.values()], modelConfig.nEmbd, rates),
);

/** The optimizer's numbers, summed up; all are zero where it is fresh. */
async function optimizerSums(): Promise<number[]> {
  const sums: number[] = [];
  const { state } = optimizerState(optimizer, { multiplier: 1, mu: 0.85 });
  for (const value of state.values().flatMap((entry) => Object.values(entry))) {
    if (typeof value === "number") sums.push(value);
    else {
      const size = value.shape.reduce((product, n) => product * n, 1);
      const values = await value.read(0, size) as Float32Array;
      sums.push(values.reduce((sum, x, i) => sum + Math.abs(x) * (1 + i % 7), 0));
    }
  }
  return sums;
}

async function readOptimizer(path: string): Promise<unknown> {
  using file = await openTorchFile(path);
  try {
    await loadOptimizerState(optimizer, file.root);
  } catch (error) {
    if ((await optimizerSums()).some((sum) => sum !== 0)) {
      throw new Error(`kept a part of a state that it refused: ${error}`);
    }
    const { message } = error as Error;
    // As a run words it.
    throw error instanceof UserError ? new UserError(`${path}: ${message}`) : error;
  }
  return await optimizerSums();
}

/** The pickle of an archive of torch, and the archive with it changed and its checksums right. */
async function resealed(path: string): Promise<Pick<Target, "bytes"> & { seal: Seal }> {
  const whole = await Deno.readFile(path);
  const view = new DataView(whole.buffer);
  const entries: [string, Uint8Array<ArrayBuffer>][] = [];
  const end = whole.length - 22;
  for (let at = view.getUint32(end + 16, true); at < end; entries.length) {
    const [size, nameLength, extraLength] = [24, 28, 30].map((offset) =>
      offset === 24 ? view.getUint32(at + offset, true) : view.getUint16(at + offset, true)
    );
    const header = view.getUint32(at + 42, true);
    const start = header + 30 + view.getUint16(header + 26, true) +
      view.getUint16(header + 28, true);
    const name = new TextDecoder().decode(whole.subarray(at + 46, at + 46 + nameLength));
    entries.push([name, whole.slice(start, start + size)]);
    at += 46 + nameLength + extraLength;
  }
  const pickle = entries.find(([name]) => name.endsWith("/data.pkl"))!;
  return {
    bytes: pickle[1],
    seal: async (dir, bytes) => {
      const changed = entries.map((entry) => entry === pickle ? [pickle[0], bytes] : entry);
      await writeZip(join(dir, "x.pt"), Object.fromEntries(changed));
      return join(dir, "x.pt");
    },
  };
}

type Seal = (dir: string, bytes: Uint8Array) => Promise<string>;

const modelPickle = await resealed(MODEL);
const optimizerPickle = await resealed(OPTIMIZER);

const SPLIT = "task_data/someone--things/main/train";

async function readRows(dir: string): Promise<unknown> {
  const rows = await new LocalSource(dir).rows("someone/things", "main", "train");
  return Array.from({ length: rows.length }, (_, i) => rows.get(i));
}

async function readConversations(path: string): Promise<unknown> {
  const task = await OwnConversations.load(path);
  return Array.from({ length: task.length }, (_, i) => task.get(i));
}

const texts = Array.from({ length: 200 }, (_, i) => `Zeile ${i}: ${"naïve € ".repeat(i % 9)}`);
const jsonl = texts.map((text, i) =>
  JSON.stringify({
    messages: [{ role: "user", content: text }, { role: "assistant", content: `${i}` }],
    score: i / 7,
  }) + "\n"
).join("");

/** A file with columns of their own, beside those of pyarrow, whose columns are nested. */
const flatParquet = new Uint8Array(parquetWriteBuffer({
  columnData: [
    { name: "text", data: texts, type: "STRING" },
    { name: "n", data: texts.map((_, i) => i % 3 ? BigInt(i) ** 6n : null), type: "INT64" },
    { name: "x", data: texts.map((_, i) => i / 3), type: "DOUBLE" },
    { name: "b", data: texts.map((_, i) => i % 3 === 0), type: "BOOLEAN" },
  ],
  rowGroupSize: 90,
}));

async function safetensors(): Promise<Uint8Array<ArrayBuffer>> {
  const path = await Deno.makeTempFile();
  const tensor = (i: number) =>
    tensorFromArray("float32", [i, 3], Float32Array.from({ length: 3 * i }, (_, j) => i - j));
  const tensors = Array.from({ length: 12 }, (_, i) => [`h.${i}.weight`, tensor(i)] as const);
  await writeSafetensors(path, new Map(tensors), { format: "pt" });
  const bytes = await Deno.readFile(path);
  await Deno.remove(path);
  return bytes;
}

const mixture = {
  train: [
    { file: "own.jsonl", epochs: 2 },
    { file: "own.jsonl", stop: 12 },
    { file: "own.jsonl", epochs: 1 },
  ],
  validation: [{ file: "own.jsonl", stop: 10 }],
};

/** Every kind of file that comes from outside. */
export const TARGETS: Target[] = [
  {
    kind: "model.pt",
    bytes: await Deno.readFile(MODEL),
    read: async (bytes, dir) => await readModel(await put(dir, "x.pt", bytes)),
    isChecked: true,
  },
  {
    kind: "optimizer.pt",
    bytes: await Deno.readFile(OPTIMIZER),
    read: async (bytes, dir) => await readOptimizer(await put(dir, "x.pt", bytes)),
    isChecked: true,
  },
  {
    kind: "model.pt, its pickle",
    bytes: modelPickle.bytes,
    read: async (bytes, dir) => await readModel(await modelPickle.seal(dir, bytes)),
  },
  {
    kind: "optimizer.pt, its pickle",
    bytes: optimizerPickle.bytes,
    read: async (bytes, dir) => await readOptimizer(await optimizerPickle.seal(dir, bytes)),
  },
  {
    kind: "tokenizer.pkl",
    bytes: await Deno.readFile(TOKENIZER),
    read: async (bytes, dir) => {
      await put(dir, "tokenizer.pkl", bytes);
      const tokenizer = await Tokenizer.load(new DiskFolder(dir));
      return [tokenizer.vocabSize, tokenizer.encode("Hello, naïve world of 2026!")];
    },
  },
  {
    kind: "token_bytes.pt",
    bytes: await Deno.readFile(TOKEN_BYTES),
    read: async (bytes, dir) => {
      await Deno.copyFile(TOKENIZER, join(dir, "tokenizer.pkl"));
      await put(dir, "token_bytes.pt", bytes);
      return [...(await Tokenizer.load(new DiskFolder(dir))).tokenBytes];
    },
    isChecked: true,
  },
  ...pickles.protocols.map((base64, protocol): Target => ({
    kind: `pickle ${protocol}`,
    bytes: Uint8Array.fromBase64(base64),
    read: async (bytes, dir) => {
      const path = await put(dir, "x.pkl", bytes);
      return String(typeof unpickle(await Deno.readFile(path), { source: path }));
    },
  })),
  {
    kind: "safetensors",
    bytes: await safetensors(),
    read: async (bytes, dir) => {
      using file = await openSafetensors(await put(dir, "x.safetensors", bytes));
      return await digest(file.tensors);
    },
  },
  {
    kind: "meta.json",
    bytes: await Deno.readFile(META),
    read: async (bytes, dir) => (await readMeta(await put(dir, "meta_000010.json", bytes))).raw,
  },
  {
    kind: "parquet",
    bytes: flatParquet,
    read: async (bytes, dir) => {
      await put(dir, `${SPLIT}/x.parquet`, bytes);
      return await readRows(dir);
    },
  },
  ...await Promise.all(
    Object.entries({
      "parquet, snappy, nested": "HuggingFaceTB--smol-smoltalk/default/train/train-00000-of-00002",
      "parquet, zstd, nested": "HuggingFaceTB--smol-smoltalk/default/train/train-00001-of-00002",
      "parquet, brotli, nested": "allenai--ai2_arc/ARC-Easy/test/test-00000-of-00001",
      "parquet, gzip, nested": "cais--mmlu/all/test/test-00000-of-00001",
    }).map(async ([kind, path]): Promise<Target> => ({
      kind,
      bytes: await Deno.readFile(fixture(`task_data/${path}.parquet`)),
      read: async (bytes, dir) => {
        await put(dir, `${SPLIT}/x.parquet`, bytes);
        return await readRows(dir);
      },
    })),
  ),
  {
    kind: "jsonl rows",
    bytes: new TextEncoder().encode(jsonl),
    read: async (bytes, dir) => {
      await put(dir, `${SPLIT}/x.jsonl`, bytes);
      return await readRows(dir);
    },
  },
  {
    kind: "jsonl conversations",
    bytes: new TextEncoder().encode(jsonl),
    read: async (bytes, dir) => await readConversations(await put(dir, "x.jsonl", bytes)),
  },
  {
    kind: "gzip",
    bytes: new Uint8Array(gzipSync(jsonl)),
    read: async (bytes, dir) => await readConversations(await put(dir, "x.jsonl.gz", bytes)),
    isChecked: true,
  },
  {
    kind: "gzip of two members",
    bytes: Uint8Array.from([...gzipSync(jsonl), ...gzipSync(jsonl)]),
    read: async (bytes, dir) => await readConversations(await put(dir, "x.jsonl.gz", bytes)),
  },
  {
    kind: "zstd",
    bytes: new Uint8Array(zstdCompressSync(jsonl)),
    read: async (bytes, dir) => await readConversations(await put(dir, "x.jsonl.zst", bytes)),
  },
  {
    kind: "mixture.json",
    bytes: new TextEncoder().encode(JSON.stringify(mixture, null, 1)),
    read: async (bytes, dir) => {
      await put(dir, "own.jsonl", new TextEncoder().encode(jsonl));
      const path = await put(dir, "mixture.json", bytes);
      const { train, validation } = await loadMixtureFile(path, new LocalSource(dir));
      return [train.length, validation?.length];
    },
  },
];
