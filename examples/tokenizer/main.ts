/**
 * The tokenizer alone: encode a text and see which tokens of a conversation are trained on.
 *
 *     deno run -A main.ts                                # trains a small tokenizer on fable.txt
 *     deno run -A main.ts ~/.cache/nanochat/tokenizer    # loads one that nanochat wrote
 */
import { DiskFolder } from "@nanochat/sft/checkpoint/disk";
import { Tokenizer, trainTokenizer } from "@nanochat/sft/tokenizer";

const [folder] = Deno.args;
const tokenizer = folder === undefined
  ? await trainTokenizer([await Deno.readTextFile("fable.txt")], { vocabSize: 512 })
  : await Tokenizer.load(new DiskFolder(folder));
console.log(`A vocabulary of ${tokenizer.vocabSize} tokens\n`);

const text = "The fox and the grapes 🍇";
const ids = tokenizer.encode(text);
console.log(text);
console.log(ids.map((id) => tokenizer.decode([id])).join("|"));
console.log(ids.join(" "));
console.log(`Decoded: ${tokenizer.decode(ids)}\n`);

const conversation = tokenizer.renderConversation({
  messages: [
    { role: "system", content: "Answer briefly." },
    { role: "user", content: "What did the fox want?" },
    {
      role: "assistant",
      content: [
        { type: "text", text: "The grapes. After two tries of three leaps: " },
        { type: "python", text: "2*3" },
        { type: "python_output", text: "6" },
        { type: "text", text: " leaps, and no grapes." },
      ],
    },
  ],
});
// Green tokens are trained on; the model reads the red ones only.
console.log(tokenizer.visualizeTokenization(conversation, { color: !Deno.noColor }));
const trained = conversation.mask.reduce((sum, bit) => sum + bit, 0);
console.log(`${conversation.ids.length} tokens, of which ${trained} are trained on`);
