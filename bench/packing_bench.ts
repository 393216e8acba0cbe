// Packing rate. Run with `deno bench -A bench/packing_bench.ts`; the last lines give tokens/s.

import { fromFileUrl } from "@std/path";
import { DiskFolder } from "../lib/checkpoint/disk/mod.ts";
import type { Conversation } from "../lib/conversation.ts";
import { PackedLoader, type Render } from "../lib/dataloader/mod.ts";
import { PythonRandom } from "../lib/random/mod.ts";
import { SpellingBee } from "../lib/tasks/mod.ts";
import { Tokenizer } from "../lib/tokenizer/mod.ts";
import { benchRate } from "./rates.ts";

const B = 8;
const T = 2048;

/** Measures a loader that packs one batch at a time. */
function benchPacking(name: string, loader: PackedLoader): void {
  benchRate(`${name}, one batch of ${B} x ${T}`, "M tokens/s", B * T, () => loader.next(), {});
}

// Conversations that are rendered already, with lengths like SmolTalk's.
const random = new PythonRandom(0);
const rendered = Array.from({ length: 5000 }, () => {
  const length = 20 + Math.floor(-500 * Math.log(1 - random.random()));
  return { ids: new Int32Array(length).fill(7), mask: new Uint8Array(length).fill(1) };
});
const conversation: Conversation = { messages: [] };
let turn = 0;
const lookUp: Render = () => rendered[turn++ % rendered.length];
benchPacking(
  "packing alone",
  new PackedLoader(
    { length: rendered.length, get: () => conversation },
    { B, T, render: lookUp, bosId: 0 },
  ),
);

const tokenizer = await Tokenizer.load(
  new DiskFolder(fromFileUrl(new URL("../tests/fixtures/tokenizer", import.meta.url))),
);
benchPacking(
  "SpellingBee made, tokenized and packed",
  new PackedLoader(
    new SpellingBee(["strawberry", "orchard", "meadow"], { size: 80000, split: "train" }),
    {
      B,
      T,
      render: (conversation) => tokenizer.renderConversation(conversation),
      bosId: tokenizer.specialTokens.get("<|bos|>")!,
    },
  ),
);
