/** The tiny base model in `data/base`: small, whole, and pretrained. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "@std/path";
import { createCpuDevice } from "../../lib/device/mod.ts";
import { Engine } from "../../lib/engine/mod.ts";
import { bitsPerByte } from "../../lib/eval/mod.ts";
import { Pass } from "../../lib/model/mod.ts";
import { openModel } from "../../lib/training/mod.ts";

const BASE = join(import.meta.dirname!, "../../data/base");

const STORY =
  "Once upon a time there was a little girl. She lived with her mother in a small house " +
  "near the forest. One day she went out to play, and she saw a big brown dog. The dog was very " +
  "hungry. She gave him some of her bread, and they became good friends.";

async function sizeOf(folder: string): Promise<number> {
  let size = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    size += isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
  }
  return size;
}

Deno.test("the shipped model takes at most 12 MB", async () => {
  assertLess(await sizeOf(BASE), 12e6);
});

Deno.test("the shipped model reads plain English and spells", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const { model, tokenizer, meta } = await openModel(device, BASE, { source: "base" });
  assert(Number(meta.raw.val_bpb) > 0);

  const ids = [tokenizer.bosId, ...tokenizer.encode(STORY)];
  const pass = new Pass(model, 1, ids.length - 1);
  const batch = { x: Int32Array.from(ids.slice(0, -1)), y: Int32Array.from(ids.slice(1)) };
  const bpb = await bitsPerByte(pass, [batch], 1, tokenizer.tokenBytes);
  assertLess(bpb, 1.6); // a model that knows no more than how frequent tokens are is above 2.5

  const engine = new Engine(model, tokenizer, { capacity: 64 });
  const prompt = [tokenizer.bosId, ...tokenizer.encode("stone: s t o n e\ngarden:")];
  const [answer] = await engine.generateBatch([prompt], { temperature: 0, maxTokens: 6 });
  assertEquals(tokenizer.decode(answer), " g a r d e n");
  engine.free();
  await device.close();
});
