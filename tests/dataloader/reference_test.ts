import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import type { Conversation } from "../../lib/conversation.ts";
import { type ConversationDataset, PackedLoader } from "../../lib/dataloader/mod.ts";
import { LocalSource, trainMixture, valMixture } from "../../lib/tasks/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";

const reference = new URL("../../../shared/reference/", import.meta.url);
const baseDir = fromFileUrl(new URL("base_dir", reference));
const ignore = !exists(reference);

function exists(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}

/** The int32 tensors of a safetensors file. */
function int32Tensors(bytes: Uint8Array): Map<string, Int32Array> {
  const view = new DataView(bytes.buffer);
  const headerLength = Number(view.getBigUint64(0, true));
  const header: Record<string, { data_offsets?: [number, number] }> = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + headerLength)),
  );
  const tensors = new Map<string, Int32Array>();
  for (const [name, { data_offsets }] of Object.entries(header)) {
    if (data_offsets === undefined) continue;
    const [start, end] = data_offsets.map((offset) => 8 + headerLength + offset);
    tensors.set(name, new Int32Array(bytes.slice(start, end).buffer));
  }
  return tensors;
}

async function assertBatches(dataset: ConversationDataset, name: string, count: number) {
  const tokenizer = await Tokenizer.load(new DiskFolder(`${baseDir}/tokenizer`));
  const bosId = tokenizer.specialTokens.get("<|bos|>")!;
  const render = (conversation: Conversation) => tokenizer.renderConversation(conversation);
  const tensors = int32Tensors(
    await Deno.readFile(new URL("sft_batches.safetensors", reference)),
  );
  const loader = new PackedLoader(dataset, { B: 4, T: 512, render, bosId });
  for (let i = 0; i < count; i++) {
    const { x, y } = loader.next();
    assertEquals(x, tensors.get(`${name}${i}.x`), `${name}${i}.x`);
    assertEquals(y, tensors.get(`${name}${i}.y`), `${name}${i}.y`);
  }
}

Deno.test({
  name: "the first 12 training batches are the reference's, token for token",
  ignore,
  async fn() {
    const sizes = { simpleSpellingSize: 0, spellingBeeSize: 0 };
    await assertBatches(await trainMixture(new LocalSource(baseDir), sizes), "train", 12);
  },
});

Deno.test({
  name: "the 8 validation batches are the reference's, token for token",
  ignore,
  async fn() {
    await assertBatches(await valMixture(new LocalSource(baseDir)), "val", 8);
  },
});
