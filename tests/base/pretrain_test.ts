/** Pretraining on a few documents, on the float64 device and through the command line's function. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { baseOptions } from "../../cli/options.ts";
import { pretrain, runBase, runTokTrain } from "../../lib/base/mod.ts";
import {
  DiskFolder,
  findCheckpoint,
  openTorchFile,
  readMeta,
} from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { Tokenizer, trainTokenizer } from "../../lib/tokenizer/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const SENTENCES = ["the cat sat on the mat", "a dog ran to the red house", "we like warm bread"];

const OPTIONS = baseOptions({
  depth: 2,
  aspectRatio: 16,
  headDim: 16,
  maxSeqLen: 16,
  windowPattern: "L",
  deviceBatchSize: 2,
  totalBatchSize: 64,
  numIterations: 40,
  matrixLr: 0.05,
  embeddingLr: 0.5,
  unembeddingLr: 0.1,
  evalEvery: 20,
  evalTokens: 64,
  saveDtype: "bfloat16",
});

async function world() {
  const console = new MemoryTerminal();
  const baseDir = await Deno.makeTempDir();
  const io = {
    terminal: console.terminal,
    signal: new AbortController().signal,
    baseDir,
    env: () => undefined,
    now: () => 0,
  };
  return { console, baseDir, io };
}

Deno.test("a tiny model learns a few documents by heart and is saved as nanochat saves", async () => {
  const { console, baseDir, io } = await world();
  const tokenizer = await trainTokenizer(SENTENCES, { vocabSize: 265 + 30 });
  const documents = SENTENCES.map((text) =>
    Int32Array.of(tokenizer.bosId, ...tokenizer.encode(text))
  );
  const tokenized = { train: documents, heldOut: documents };
  const { step, valBpb } = await pretrain(new Float64Device(), tokenizer, tokenized, OPTIONS, io);

  assertEquals(step, 40);
  const bpbs = console.lines.flatMap((line) => line.match(/Validation bpb: (.*)/)?.[1] ?? []);
  assertEquals(bpbs.length, 3);
  assertLess(valBpb!, Number(bpbs[0]) / 4);

  const files = await findCheckpoint(baseDir, { source: "base" });
  assertEquals([files.tag, files.step, [...files.optimizers.keys()]], ["d2", 40, [0]]);
  assertEquals(files.model.endsWith("/model_000040.pt"), true);
  const meta = await readMeta(files.meta);
  assertEquals(meta.modelConfig, {
    sequenceLen: 16,
    vocabSize: tokenizer.vocabSize,
    nLayer: 2,
    nHead: 2,
    nKvHead: 2,
    nEmbd: 32,
    windowPattern: "L",
  });
  assertEquals(meta.raw.val_bpb, valBpb);
  assertEquals(meta.raw.total_batch_size, 64);
  assertEquals((meta.raw.user_config as Record<string, unknown>).matrix_lr, 0.05);
  using file = await openTorchFile(files.model);
  const { tensors, parts } = readStateDict(file, meta.modelConfig);
  assertEquals(parts, { smear: true, backout: true });
  assertEquals(tensors.get("lm_head.weight")!.dtype, "bfloat16");
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a stopped run saves what it has", async () => {
  const { baseDir, io } = await world();
  const tokenizer = await trainTokenizer(SENTENCES, { vocabSize: 265 });
  const documents = SENTENCES.map((text) =>
    Int32Array.of(tokenizer.bosId, ...tokenizer.encode(text))
  );
  const controller = new AbortController();
  io.signal = controller.signal;
  let readings = 0;
  const now = () => {
    if (++readings === 5) controller.abort(); // as the third step begins: it is given up
    return 0;
  };
  await pretrain(new Float64Device(), tokenizer, { train: documents, heldOut: documents }, {
    ...OPTIONS,
    evalEvery: -1,
  }, { ...io, now });
  assertEquals((await findCheckpoint(baseDir, { source: "base" })).step, 2);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("tok-train writes a tokenizer, of no more text than it is told", async () => {
  const { console, baseDir, io } = await world();
  const path = join(baseDir, "a.txt");
  await Deno.writeTextFile(path, SENTENCES.join("\n"));
  await runTokTrain([path], { vocabSize: 280, maxChars: 30, out: undefined }, io);
  const tokenizer = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer")));
  const same = await trainTokenizer([SENTENCES.join("\n").slice(0, 30)], { vocabSize: 280 });
  assertEquals(tokenizer.vocabSize, same.vocabSize);
  assertEquals(tokenizer.encode(SENTENCES[0]), same.encode(SENTENCES[0]));
  assert(console.stdout.includes("30 characters"));

  // Models need the tokenizer that they were trained with.
  await Deno.mkdir(join(baseDir, "base_checkpoints"));
  await runTokTrain([path], { vocabSize: 270, maxChars: 1e6, out: undefined }, io);
  const kept = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer.1")));
  const newer = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer")));
  assertEquals([kept.vocabSize, newer.vocabSize], [tokenizer.vocabSize, 270]);
  assert(console.stderr.includes("kept as"), console.stderr);

  await Deno.writeTextFile(path, " \n");
  const empty = () => runTokTrain([path], { vocabSize: 280, maxChars: 30, out: undefined }, io);
  await assertRejects(empty, UserError, "no text");
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("what pretraining cannot use is told before it begins", async () => {
  const { baseDir, io } = await world();
  const path = join(baseDir, "a.txt");
  await Deno.writeTextFile(path, SENTENCES[0]);
  await assertRejects(() => runBase([path], OPTIONS, io), UserError, "tokenizer");
  await runTokTrain([path], { vocabSize: 270, maxChars: 1000, out: undefined }, io);
  await assertRejects(() => runBase([path], OPTIONS, io), UserError, "a .jsonl file is one");
  const uneven = { ...OPTIONS, totalBatchSize: 65 };
  await assertRejects(() => runBase([path], uneven, io), UserError, "65 tokens is no multiple");
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("a stop is served while the first weights are drawn", async () => {
  const { console, baseDir, io } = await world();
  const tokenizer = await trainTokenizer(SENTENCES, { vocabSize: 265 });
  const documents = SENTENCES.map((text) => Int32Array.from(tokenizer.encode(text)));
  const controller = new AbortController();
  controller.abort();
  const { signal } = controller;
  const run = () =>
    pretrain(new Float64Device(), tokenizer, { train: documents, heldOut: documents }, OPTIONS, {
      ...io,
      signal,
    });
  assertEquals(await assertRejects(run), signal.reason);
  assertEquals(console.lines, []);
  assertEquals(await Array.fromAsync(Deno.readDir(baseDir)), []);
  await Deno.remove(baseDir, { recursive: true });
});
