import { Template } from "@huggingface/jinja";
import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { mergesOf } from "../../lib/export/merges.ts";
import { readTokenizerJson } from "../../lib/export/read_tokenizer_json.ts";
import { tokenizerConfig, tokenizerJson } from "../../lib/export/tokenizer_json.ts";
import { SPECIAL_TOKENS, Tokenizer, trainTokenizer } from "../../lib/tokenizer/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import {
  randomNumbers,
  randomText,
  readReferenceRows,
  TOKENIZER_DIRECTORY,
} from "../tokenizer/reference.ts";
import { tokenizer } from "./models.ts";

const rows = await readReferenceRows();
// As a reader of the file has it.
const json = JSON.parse(JSON.stringify(tokenizerJson(tokenizer)));
const config = JSON.parse(JSON.stringify(tokenizerConfig(tokenizer, 2048)));
const hf = new HfTokenizer(json, config);
/** The same without special tokens, which it would see in any text that spells them. */
const hfOfText = new HfTokenizer({ ...json, added_tokens: [] }, config);

Deno.test("Hugging Face's tokenizer gives nanochat's ids for every text", () => {
  for (const { text, ids } of rows.encode) {
    assertEquals(hfOfText.encode(text).ids, ids, text);
    const spellsOne = SPECIAL_TOKENS.some((name) => text.includes(name));
    if (!spellsOne) assertEquals(hf.encode(text).ids, ids, text);
    if (ids.length > 0) assertEquals(hf.decode(ids), tokenizer.decode(ids));
  }
  const random = randomNumbers(3);
  for (let i = 0; i < 1000; i++) {
    const text = randomText(random, 40);
    assertEquals(hfOfText.encode(text).ids, tokenizer.encode(text), JSON.stringify(text));
  }
});

Deno.test("special tokens have their ids, and text that spells one is taken for it", () => {
  for (const name of SPECIAL_TOKENS) {
    assertEquals(hf.encode(`a${name}b`).ids, [
      ...tokenizer.encode("a"),
      tokenizer.encodeSpecial(name),
      ...tokenizer.encode("b"),
    ]);
  }
});

const template = new Template(config.chat_template);
const render = (messages: unknown[], more = {}) =>
  hf.encode(template.render({ messages, bos_token: config.bos_token, ...more })).ids;

Deno.test("the chat template renders conversations as nanochat does", () => {
  for (const { conversation, ids, completion_prompt_ids } of rows.conversations) {
    const { messages } = conversation;
    assertEquals(render(messages).slice(0, 2048), ids);
    if (completion_prompt_ids && messages.at(-1)?.role === "assistant") {
      const prompt = render(messages.slice(0, -1), { add_generation_prompt: true });
      assertEquals(prompt, completion_prompt_ids);
    }
  }
  const user = { role: "user", content: " Say hello.\n" };
  const system = { role: "system", content: "Be brief." };
  const answer = {
    role: "assistant",
    content: [
      { type: "text", text: " It is " },
      { type: "python", text: "1+1" },
      { type: "python_output", text: "2" },
      { type: "text", text: "\nthen." },
    ],
  } as const;
  for (const messages of [[user], [system, user, answer], [user, answer, user]] as const) {
    const { ids } = tokenizer.renderConversation({ messages: structuredClone(messages) as never });
    assertEquals(render([...messages]), ids);
  }
});

Deno.test("the chat template refuses what nanochat refuses", () => {
  const user = { role: "user", content: "Hi" }, system = { role: "system", content: "Be brief." };
  for (
    const messages of [
      [],
      [system],
      [user, user],
      [{ role: "assistant", content: "Hi" }],
      [user, system],
      [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
      [user, { role: "assistant", content: [{ type: "image", text: "Hi" }] }],
    ]
  ) {
    assertThrows(() => tokenizer.renderConversation({ messages } as never), UserError);
    assertThrows(() => render(messages), Error, undefined, JSON.stringify(messages));
  }
});

Deno.test("a token's merge is the last one that makes it, whatever the ranks", () => {
  const bytes = ["a", "b", "c", "d"];
  // "abc" is made of "ab", for that comes first; of "cd" nothing makes "bcd" but "b".
  const tokens = [...bytes, "ab", "cd", "abc", "bcd", "dcb"];
  assertEquals(mergesOf(tokens), [
    { left: "a", right: "b" },
    { left: "c", right: "d" },
    { left: "ab", right: "c" },
    { left: "b", right: "cd" },
    // Nothing makes "dcb".
  ]);
  // Here "bc" comes first.
  assertEquals(mergesOf([...bytes, "bc", "ab", "abc"]).at(-1), { left: "a", right: "bc" });
});

Deno.test("a vocabulary with a token that no merge makes gives tiktoken's ids", async () => {
  const trained = await trainTokenizer(["low lower lowest slow slower"], { vocabSize: 280 });
  const tokens = Array.from({ length: 271 }, (_, id) => trained.decodeBytes([id]));
  // As a whole piece it is one token; within a longer one it never comes about.
  const added = [...tokens, new TextEncoder().encode("xyz")];
  const specialTokens = new Map(SPECIAL_TOKENS.map((name, i) => [name, added.length + i]));
  const odd = new Tokenizer({ pattern: trained.pattern, tokens: added, specialTokens });
  const hfOdd = new HfTokenizer(JSON.parse(JSON.stringify(tokenizerJson(odd))), config);
  for (const text of ["xyz", "xyzlower", "slowest xyz lowslow", "lolo"]) {
    assertEquals(hfOdd.encode(text).ids, odd.encode(text), text);
  }
});

Deno.test("a tokenizer comes back byte for byte", () =>
  inTempDir(async (dir) => {
    const back = readTokenizerJson(json, "tokenizer.json");
    await back.save(new DiskFolder(dir));
    assertEquals(
      await Deno.readFile(join(dir, "tokenizer.pkl")),
      await Deno.readFile(join(TOKENIZER_DIRECTORY, "tokenizer.pkl")),
    );
    assertEquals(back.tokenBytes, tokenizer.tokenBytes);
  }));

Deno.test("merges may be lists, and have every way to a token, as converters write", () => {
  const { vocab } = json.model as { vocab: Record<string, number> };
  const all = Object.entries(vocab).sort(([, a], [, b]) => a - b).flatMap(([token]) =>
    Array.from({ length: token.length - 1 }, (_, i) => [token.slice(0, i + 1), token.slice(i + 1)])
      .filter(([left, right]) => left in vocab && right in vocab)
  );
  assert(all.length > json.model.merges.length);
  const back = readTokenizerJson({ ...json, model: { ...json.model, merges: all } }, "x");
  assertEquals(back.encode(rows.encode[3].text), rows.encode[3].ids);
});

Deno.test("another kind of tokenizer is refused with the reason", () => {
  const { model, pre_tokenizer: split } = json;
  const cases: [unknown, string][] = [
    [{}, "byte pair encoding"],
    [null, "byte pair encoding"],
    [{ ...json, normalizer: { type: "NFC" } }, "normalises"],
    [{ ...json, model: { ...model, type: "WordPiece" } }, "byte pair encoding"],
    [{ ...json, model: { ...model, dropout: 0.1 } }, "dropout"],
    [{ ...json, model: { ...model, merges: model.merges.slice(1) } }, "no merge makes its token"],
    [{ ...json, model: { ...model, merges: model.merges.toReversed() } }, "order of ids"],
    [{ ...json, model: { ...model, merges: [["a", "zzzz"]] } }, "is no token"],
    [{ ...json, model: { ...model, merges: ["a b c"] } }, "is no merge"],
    [{ ...json, model: { ...model, vocab: { ...model.vocab, "世": 4087 } } }, "stand for bytes"],
    [{ ...json, model: { ...model, vocab: { ...model.vocab, a: 5000 } } }, "5000 does not fit"],
    [{ ...json, pre_tokenizer: split.pretokenizers[1] }, "split"],
    [{
      ...json,
      pre_tokenizer: {
        ...split,
        pretokenizers: [split.pretokenizers[0], { ...split.pretokenizers[1], use_regex: true }],
      },
    }, "split"],
    [{ ...json, added_tokens: [{ content: "x" }] }, "no name or id"],
  ];
  for (const [changed, why] of cases) {
    const error = assertThrows(() => readTokenizerJson(changed, "t.json"), UserError, why);
    assert(!error.message.includes("\n") && error.message.startsWith("t.json"));
  }
});
