/** Validation by several ranks, and nanochat's own by two. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import type { ConversationDataset } from "../../lib/dataloader/mod.ts";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { GPT, initialParameters, Pass } from "../../lib/model/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import { LocalSource, valMixture } from "../../lib/tasks/mod.ts";
import { openModel, validate, type ValidationOptions } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

/** Validates on a rank; gives bpb, and the batches that it was of. */
async function watch(ranks: Ranks, options: Omit<ValidationOptions, "io">) {
  const { pass: { batch } } = options;
  const seen: { x: Int32Array; y: Int32Array }[] = [];
  const write = batch.write;
  batch.write = function (x, y, ...rest) {
    seen.push({ x: x.slice(), y: y!.slice() });
    write.call(this, x, y, ...rest);
  };
  const { signal } = new AbortController();
  const console = new MemoryTerminal({ isTerminal: true });
  const io = { terminal: console.terminal, signal, ranks };
  const bpb = await validate({ ...options, io });
  batch.write = write;
  return { bpb, seen, shown: console.stderr };
}

Deno.test("a rank validates on conversations of its own, as long as there are some", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const [B, T, vocabSize] = [1, 8, 64];
  const config = { sequenceLen: T, vocabSize, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  const model = new GPT(device, { ...config, windowPattern: "L" });
  await model.load(initialParameters(model.config, 1));
  const tokenBytes = new Int32Array(vocabSize).fill(2);
  const validated = async (length: number, worldSize: number, evalTokens: number) => {
    // Conversation i fills a row with the token i + 1.
    const dataset: ConversationDataset = {
      length,
      get: (i) => ({ messages: [{ role: "user", content: `${i + 1}` }] }),
    };
    const render = ({ messages: [{ content }] }: { messages: { content: unknown }[] }) => {
      const ids = [0, ...Array<number>(T).fill(Number(content))];
      return { ids, mask: ids.map((id) => id > 0 ? 1 : 0) };
    };
    const loader = { render, bosId: 0, tokenBytes };
    const outcomes = await onRanks(worldSize, (ranks) => {
      const pass = new Pass(model, B, T);
      return watch(ranks, { pass, dataset, loader, evalTokens, tokenBytes });
    });
    assertEquals(new Set(outcomes.map(({ bpb }) => bpb)).size, 1);
    const conversations = outcomes.map(({ seen }) => seen.map(({ y }) => y[0] - 1));
    return { bpb: outcomes[0].bpb, conversations, shown: outcomes[0].shown };
  };
  const all = await validated(5, 1, 1000);
  // Rows that there are not are not waited for.
  assertStringIncludes(all.shown, "1/5 batches");
  assertEquals(all.conversations, [[0, 1, 2, 3, 4]]);
  for (
    const [worldSize, shares] of [
      [2, [[0, 2, 4], [1, 3]]],
      [3, [[0, 3], [1, 4], [2]]],
      [7, [[0], [1], [2], [3], [4], [], []]],
    ] as const
  ) {
    const { bpb, conversations } = await validated(5, worldSize, 1000);
    assertEquals<unknown>(conversations, shares);
    assertAlmostEquals(bpb, all.bpb, 1e-12);
  }
  // 50 tokens are six batches: three of each of two ranks; and each measures one at least.
  assertEquals((await validated(20, 2, 50)).conversations, [[0, 2, 4], [1, 3, 5]]);
  assertEquals((await validated(20, 2, 1)).conversations, [[0], [1]]);
  await device.close();
});

const REFERENCE = join(import.meta.dirname!, "../../../shared/reference");
const isThere = await Deno.stat(REFERENCE).then(() => true, () => false);

Deno.test({
  name: "two ranks validate on nanochat's batches, token for token, with its bits per byte",
  ignore: !isThere,
  fn: async () => {
    const device = await createCpuDevice({ threads: 2 });
    const baseDir = join(REFERENCE, "base_dir");
    const { model, tokenizer } = await openModel(device, baseDir, { source: "base", tag: "d4" });
    const dataset = await valMixture(new LocalSource(baseDir));
    using batches = await openSafetensors(join(REFERENCE, "ranks/sft_world2_batches.safetensors"));
    const expected = JSON.parse(
      await Deno.readTextFile(join(REFERENCE, "ranks/sft_world2_expected.json")),
    );
    const { tokenBytes, bosId } = tokenizer;
    const loader = { render: tokenizer.renderConversation.bind(tokenizer), bosId, tokenBytes };
    const outcomes = await onRanks(2, (ranks) => {
      const pass = new Pass(model, 4, 512);
      return watch(ranks, { pass, dataset, loader, evalTokens: 16384, tokenBytes });
    });
    for (const [rank, { bpb, seen }] of outcomes.entries()) {
      assertEquals(seen.length, 4);
      for (const [i, { x, y }] of seen.entries()) {
        assertEquals([...x], [...await batches.tensors.get(`val${i}.rank${rank}.x`)!.read()]);
        assertEquals([...y], [...await batches.tensors.get(`val${i}.rank${rank}.y`)!.read()]);
      }
      assertAlmostEquals(bpb, expected.validation_bpb[0], 1e-3);
    }
    assert(outcomes[0].bpb === outcomes[1].bpb);
    await device.close();
  },
});
