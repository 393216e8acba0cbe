import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { readDocuments, tokenizeDocuments } from "../../lib/base/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";

const tokenizer = await Tokenizer.load(
  new DiskFolder(join(import.meta.dirname!, "../fixtures/tokenizer")),
);

/** A folder with files of these names and contents; `.gz` ones are compressed. */
async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    const stream = new Blob([text]).stream();
    await Deno.writeFile(
      join(folder, name),
      name.endsWith(".gz") ? stream.pipeThrough(new CompressionStream("gzip")) : stream,
    );
  }
  return folder;
}

Deno.test("documents come from JSON lines and whole files, packed or not", async () => {
  const folder = await folderWith({
    "a.jsonl": '{"text":"one","source":"x"}\n\n{"text":"zwei\\nlines"}\n{"text":" "}\n',
    "b.jsonl.gz": '{"text":"three"}',
    "c.txt": "four\n\nfive\n",
    "d.txt.gz": "six",
  });
  const paths = ["a.jsonl", "b.jsonl.gz", "c.txt", "d.txt.gz"].map((name) => join(folder, name));
  const documents = await Array.fromAsync(readDocuments(paths));
  assertEquals(documents, ["one", "zwei\nlines", "three", "four\n\nfive\n", "six"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("what cannot be read is named with its file and line", async () => {
  const folder = await folderWith({
    "a.jsonl": '{"text":"one"}\n{"txt":"two"}\n',
    "b.jsonl": '{"text":"one"}\nnull\n',
    "c.jsonl": '{"text":"one"}\n{"text":',
    "d.jsonl.gz": "",
  });
  await Deno.writeTextFile(join(folder, "d.jsonl.gz"), "no gzip");
  const fails = async (name: string, ...words: string[]) => {
    const path = join(folder, name);
    const read = () => Array.fromAsync(readDocuments([path]));
    const { message } = await assertRejects(read, UserError);
    for (const word of [path, ...words]) assert(message.includes(word), message);
    assert(!message.includes("\n"), message);
  };
  await fails("a.jsonl", "line 2", '"text"');
  await fails("b.jsonl", "line 2", '"text"');
  await fails("c.jsonl", "line 2");
  await fails("d.jsonl.gz");
  await fails("e.txt", "No such file");
  await Deno.remove(folder, { recursive: true });
});

const texts = Array.from(
  { length: 60 },
  (_, i) => `Document ${i}.${" So it goes.".repeat(i % 7 * 5)}`,
);

Deno.test("every text is trained on or held out, whole, in parts no longer than a row", async () => {
  const rowLength = 20;
  const { train, heldOut } = await tokenizeDocuments(texts, tokenizer, rowLength, 1);
  const all = [...train, ...heldOut];
  for (const part of all) {
    assertEquals(part[0], tokenizer.bosId);
    assert(part.length >= 2 && part.length <= rowLength);
  }
  const tokens = texts.reduce((sum, text) => sum + tokenizer.encode(text).length, 0);
  assertEquals(all.reduce((sum, part) => sum + part.length - 1, 0), tokens);

  const beginnings = (parts: Int32Array[]) =>
    parts.map((part) => tokenizer.decode(part.slice(1))).filter((text) => text.startsWith("Doc"));
  assertEquals(beginnings(heldOut).length, 3);
  assertEquals(beginnings(train).length, 57);
  assertEquals(new Set([...beginnings(train), ...beginnings(heldOut)]).size, 60);
});

Deno.test("the seed decides the order", async () => {
  const order = async (seed: number) =>
    (await tokenizeDocuments(texts, tokenizer, 99, seed)).train.join(" ");
  assertEquals(await order(1), await order(1));
  assert(await order(1) !== await order(2));
});
