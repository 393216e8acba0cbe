import { gzipSync, zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
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

/** The documents of one file, or the message of its error without the folder's name. */
async function read(name: string, content: string | Uint8Array): Promise<string[] | string> {
  const folder = await Deno.makeTempDir();
  const path = join(folder, name);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await Deno.writeFile(path, bytes);
    return await Array.fromAsync(readDocuments([path]));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.replace(`${folder}/`, "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("JSON lines with CRLF, empty lines, a mark and odd separators are documents", async () => {
  assertEquals(await read("a.jsonl", '\ufeff{"text":"one"}\r\n{"text":"again"}\r\n\r\n'), [
    "one",
    "again",
  ]);
  assertEquals(await read("a.ndjson", '{"text":"a\u2028b"}'), ["a\u2028b"]);
  assertEquals(await read("a.jsonl.zst", zstdCompressSync('{"text":"z"}\n')), ["z"]);
  const members = new Uint8Array([...gzipSync("one\r\n"), ...gzipSync("two")]);
  assertEquals(await read("a.txt.gz", members), ["one\r\ntwo"]);
});

Deno.test("the documents of a parquet file are its column text", async () => {
  const parquet = (name: string, data: (string | undefined)[]) =>
    new Uint8Array(parquetWriteBuffer({
      columnData: [
        { name, data, type: "STRING" },
        { name: "id", data: data.map((_, i) => i), type: "INT32" },
      ],
      rowGroupSize: 2,
    }));
  const texts = ["one", "zwei ü\u2028", "drei"];
  assertEquals(await read("x.parquet", parquet("text", texts)), texts);
  assertEquals(await read("x.bin", parquet("text", texts)), texts);
  assertEquals(
    await read("x.parquet", parquet("content", texts)),
    'x.parquet: it has no column "text", but content, id',
  );
  assertEquals(
    await read("x.parquet", parquet("text", ["one", undefined])),
    'x.parquet, row 2: "text" is null; expected text',
  );
  assert(`${await read("x.parquet", "no parquet")}`.startsWith("x.parquet: not a readable"));
});

Deno.test("what is no text is refused by name, and its bytes are not learned", async () => {
  const latin1 = Uint8Array.from("one\ntwo\ncaf\xe9\n", (c) => c.charCodeAt(0));
  assertEquals(
    await read("book.txt", latin1),
    "book.txt, line 3: is not UTF-8 text; save the file in UTF-8",
  );
  const nul = "has a NUL character, so it is not text in UTF-8; save the file in UTF-8";
  assertEquals(await read("x.txt", "one\ntw\0o\n"), `x.txt, line 2: ${nul}`);
  assertEquals(
    await read("x.txt", "PK\x03\x04…"),
    "cannot read x.txt: it is a zip archive, not text",
  );
  assertEquals(
    await read("x.jsonl", '{"prompt":"a"}'),
    'x.jsonl, line 1: has the key "prompt"; expected an object with a text as "text"',
  );
  assertEquals(
    await read("x.jsonl", '{"text":["a"]}'),
    'x.jsonl, line 1: has a "text" that is a list; expected an object with a text as "text"',
  );
  assert(`${await read("x.json", '[\n{"text":"a"}\n]')}`.includes("goes on over several lines"));
});

Deno.test("rows may be longer than a call has arguments", async () => {
  const long = "to be or not to be. ".repeat(60_000);
  const { train, heldOut } = await tokenizeDocuments(["a", long], tokenizer, 400_000, 1);
  const ids = tokenizer.encode(long);
  const longest = [...train, ...heldOut].filter(({ length }) => length > 100);
  assertEquals(longest.reduce((sum, { length }) => sum + length - 1, 0), ids.length);
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

Deno.test("reading and encoding are broken off where they stand", async () => {
  const folder = await folderWith({
    "a.txt": "The cat sat on the mat.\n".repeat(20_000),
    "b.jsonl": '{"text":"The cat sat on the mat."}\n'.repeat(20_000),
  });
  const columnData = [{ name: "text", data: ["one", "two"], type: "STRING" as const }];
  await Deno.writeFile(
    join(folder, "c.parquet"),
    new Uint8Array(parquetWriteBuffer({ columnData })),
  );
  for (const name of ["a.txt", "b.jsonl", "c.parquet"]) {
    const controller = new AbortController();
    const documents = readDocuments([join(folder, name)], controller.signal);
    controller.abort();
    const error = await assertRejects(() => Array.fromAsync(documents), DOMException);
    assertEquals(error, controller.signal.reason, name);
  }
  // One text alone may take a minute.
  const text = await Deno.readTextFile(join(folder, "a.txt"));
  const controller = new AbortController();
  setTimeout(() => controller.abort());
  let encoded = 0;
  const encode = () => {
    const { signal } = controller;
    return tokenizeDocuments([text], tokenizer, 65, 1, () => encoded++, signal);
  };
  await assertRejects(encode, DOMException);
  assertEquals(encoded, 0);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a text encoded in parts has the tokens it has as a whole", async () => {
  const text = "The cat sat on the mat, and it's 12345 o'clock.\n".repeat(4_000);
  const { train, heldOut } = await tokenizeDocuments([text], tokenizer, 1e9, 1);
  assertEquals(train, []);
  assertEquals([...heldOut[0]], [tokenizer.bosId, ...tokenizer.encode(text)]);
});
