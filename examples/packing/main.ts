/**
 * Packing alone: what training batches your own conversations make.
 *
 *     deno run -A main.ts conversations.jsonl [TOKENIZER_FOLDER]
 *
 * Without a folder of a tokenizer, a small one is trained on the conversations themselves.
 */
import { DiskFolder } from "@nanochat/sft/checkpoint/disk";
import { PackedLoader, packingStats } from "@nanochat/sft/dataloader";
import { OwnConversations } from "@nanochat/sft/tasks";
import { Tokenizer, trainTokenizer } from "@nanochat/sft/tokenizer";

const [path = "conversations.jsonl", folder] = Deno.args;
const conversations = await OwnConversations.load(path);
const tokenizer = folder === undefined
  ? await trainTokenizer([await Deno.readTextFile(path)], { vocabSize: 512 })
  : await Tokenizer.load(new DiskFolder(folder));

const B = 2; // rows in a batch
const T = 128; // tokens in a row
const packing = {
  bosId: tokenizer.bosId,
  render: tokenizer.renderConversation.bind(tokenizer),
};

const loader = new PackedLoader(conversations, { ...packing, B, T });
for (let number = 1;; number++) {
  const { x, y, targets, padding, progress, done } = loader.next();
  const percent = (100 * progress).toFixed(0);
  console.log(`Batch ${number}: ${targets} targets, ${padding} places filled up, ${percent}% read`);
  if (number === 1) {
    const mask = Array.from(y, (target) => target >= 0 ? 1 : 0);
    const firstRow = { ids: [...x.subarray(0, T)], mask: [0, ...mask.slice(0, T - 1)] };
    console.log(tokenizer.visualizeTokenization(firstRow, { color: !Deno.noColor }));
  }
  if (done) break;
}

const stats = await packingStats(conversations, { ...packing, T });
console.log(`\n${stats.conversations} conversations in ${stats.rows} rows of ${T} tokens`);
console.log(`${(100 * stats.paddingShare).toFixed(1)}% of the places are filled up`);
console.log(`${(100 * stats.trainedShare).toFixed(1)}% of the tokens are trained on`);
console.log(`${stats.cut} conversations are longer than a row and lose ${stats.lostTokens} tokens`);
