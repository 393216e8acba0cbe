import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { UserError } from "../../lib/errors.ts";
import { isAbort } from "../../lib/pause.ts";
import { readRecords } from "../../lib/tasks/records/mod.ts";
import { readTextRecords } from "../../lib/tasks/records/text.ts";
import { inTempDir } from "../temp_dir.ts";

const FIXTURES = fromFileUrl(new URL("../fixtures/own_data", import.meta.url));

/** What a file was recognised as, and its records as `[place, value]`. */
type Read = [kind: string, ...records: [place: string, value: unknown][]];

async function readFile(path: string): Promise<Read> {
  const { kind, records } = await readRecords(path);
  const read: Read = [kind];
  for await (const { place, value } of records) read.push([place, value]);
  return read;
}

/** What is read of a file with this content. */
async function read(content: string | Uint8Array): Promise<Read> {
  let result: Read | undefined;
  await inTempDir(async (dir) => {
    const path = join(dir, "own");
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    result = await readFile(path);
  });
  return result!;
}

/** The line that a file with this content is refused with, without its name. */
async function refused(content: string | Uint8Array): Promise<string> {
  const { message } = await assertRejects(() => read(content), UserError);
  assert(!message.includes("\n"), message);
  return message.replace(/^.*\/own/, "");
}

const turns = [{ role: "user", content: "hi" }, { role: "assistant", content: '[{,\\"ü' }];
const record = { messages: turns };
const pretty = (value: unknown) => JSON.stringify(value, null, 2);
const json = JSON.stringify;
const items = (...values: unknown[]): Read => [
  "a JSON array",
  ...values.map((value, i): [string, unknown] => [`item ${i + 1}`, value]),
];
const lines = (...values: unknown[]): Read => [
  "JSON lines",
  ...values.map((value, i): [string, unknown] => [`line ${i + 1}`, value]),
];

Deno.test("JSON lines, arrays and lists of messages are told apart", async () => {
  for (const value of [record, turns]) {
    assertEquals(await read(json(value)), lines(value));
    assertEquals(await read(`${json(value)}\r\n`), lines(value));
    assertEquals(await read(`${json(value)}\n${json(value)}`), lines(value, value));
    assertEquals(await read(json([value, value])), items(value, value));
    assertEquals(await read(pretty([value, value])), items(value, value));
    assertEquals(await read(`\ufeff\n [${json(value)},\n${json(value)}\n]\n`), items(value, value));
    // One record by itself over several lines, and several of them.
    assertEquals(await read(pretty(value)), ["JSON", ["line 1", value]]);
    const several = `\n${pretty(value)}\n\n${pretty(value)}\n`;
    const second = pretty(value).split("\n").length + 3;
    assertEquals(await read(several), ["JSON", ["line 2", value], [`line ${second}`, value]]);
  }
  // With other names than messages have, only more lines tell.
  const odd = [{ speaker: "a", text: "b" }];
  assertEquals(await read(`${json(odd)}\n${json(odd)}`), lines(odd, odd));
  assertEquals(await read(json(odd)), items(...odd));
  for (const empty of ["[]", "[\n]\n"]) assertEquals(await read(empty), items());
});

Deno.test("a text is read wherever it comes from", async () => {
  const file = new File([`${json(record)}\n${json(record)}\nx`], "dropped.jsonl");
  const { kind, records } = await readTextRecords(file.stream(), file.name);
  const places: string[] = [];
  const fault = await assertRejects(async () => {
    for await (const { place } of records) places.push(place);
  }, UserError);
  assertEquals([kind, ...places], ["JSON lines", "line 1", "line 2"]);
  assertStringIncludes(fault.message, "dropped.jsonl, line 3 column 1: ");
});

Deno.test("a list of records is found under the only key of an object", async () => {
  const alpaca = { instruction: "a", output: "b" };
  for (const write of [json, pretty]) {
    assertEquals(await read(write({ data: [alpaca, alpaca] })), items(alpaca, alpaca));
    assertEquals(await read(write({ conversations: [record] })), items(record));
    assertEquals(await read(write({ mine: [turns, turns] })), items(turns, turns));
  }
  const single = [
    { conversations: [{ from: "human", value: "hi" }, { from: "gpt", value: "ho" }] },
    { dialog: [{ speaker: "a", text: "b" }] },
    { data: [record], version: 1 },
    { data: [] },
    {},
  ];
  for (const value of single) assertEquals(await read(json(value)), lines(value));
  // Several objects are records, whatever is in them.
  const wrapper = { data: [alpaca] };
  assertEquals(await read(`${json(wrapper)}\n${json(wrapper)}`), lines(wrapper, wrapper));
});

Deno.test("values that are longer than a part of the file are read, numbers of Python's too", async () => {
  const long = { text: '\\"[{ü🙂'.repeat(50_000) };
  assertEquals(await read(json([long, 1, "a,]", long])), items(long, 1, "a,]", long));
  assertEquals(await read(json({ text: long.text.repeat(6) }) + "\n{}"), [
    "JSON",
    ["line 1", { text: long.text.repeat(6) }],
    ["line 2", {}],
  ]);
  const numbers = await read('[\n{"a": NaN},\n{"a": -Infinity}]');
  assertEquals(numbers, items({ a: NaN }, { a: -Infinity }));
});

Deno.test("a fault in JSON is named with its item, line and column", async () => {
  const broken = pretty([record, record]).replace(
    /"content": "hi"(?![^]*"content": "hi")/,
    '"x" 1',
  );
  assertEquals(
    await refused(broken),
    `, item 2, line 18 column 13: Expected ':' after property name`,
  );
  const property = "Expected double-quoted property name";
  assertEquals(await refused('[{"ü":1},{"a":2,}]'), `, item 2, line 1 column 17: ${property}`);
  assertEquals(
    await refused('[{"a":1},\n{"a": x}]'),
    ", item 2, line 2 column 7: Unexpected token 'x'",
  );
  assertEquals(
    await refused('{\n"a": 1\n}\n{\n"a": x\n}'),
    ", line 5 column 6: Unexpected token 'x'",
  );
  assertEquals(await refused('[\n{"a":1},\n]'), ", item 2: is empty; there is a comma too many");
  assertEquals(await refused("[{},,{}]"), ", item 2: is empty; there is a comma too many");
  const closed = "ends too early: it is cut off, or a bracket or a quote is not closed";
  for (const cut of ['[{"a":1},{"a"', '[{"a":1},\n{"a":2}', '[{"a":1},{"a":"x]']) {
    assertEquals(await refused(cut), `, item 2: ${closed}`);
  }
  assertEquals(await refused('[{"a":1},\n'), `, line 2: ${closed}`);
  assertEquals(await refused('{"a":1}\n{"a":'.replace("}", "\n}")), `, line 3: ${closed}`);
  assertEquals(
    await refused("[{}]\n[{}".replace("[", "[\n")),
    ", line 3: goes on after the array has ended",
  );
  // A brace that lacks is noticed where the next item begins.
  assertStringIncludes(
    await refused('[\n{"a":1,\n{"a":2}\n]'),
    ", item 1, line 3 column 1: Expected",
  );
  assertEquals(await refused('{"a":1}\n{"a":}\n'), ", line 2 column 6: Unexpected token '}'");
  const after = "Unexpected non-whitespace character after JSON";
  assertEquals(await refused('{"a":1},\n{"a":2}\n'), `, line 1 column 8: ${after}`);
  assertEquals(await refused('{"a":1}\n{"a":[2\n'), `, line 2: ${closed}`);
  const latin1 = Uint8Array.from('[{"a":1},\n{"a":"é"}]', (c) => c.charCodeAt(0));
  assertEquals(await refused(latin1), ", item 2: is not UTF-8 text; save the file in UTF-8");
  assertStringIncludes(await refused('[\n{"a":"\0"}]'), ", item 1: has a NUL character");
});

Deno.test("what is no form that is read is refused with how it begins", async () => {
  const forms =
    "; these are: JSON lines, a JSON array, CSV with a header (prompt,completion) and parquet";
  const texts: [content: string, begin: string][] = [
    ["Once upon a time\nthere was", "Once upon a time there was"],
    ["Hello, this is a long text.\nIt goes on.", "Hello, this is a long text. It goes on."],
    ["<!DOCTYPE html>\n<html>", "<!DOCTYPE html> <html>"],
    ["messages:\n  - role: user\n", "messages: - role: user"],
    ["- role: user, content: hi\n", "- role: user, content: hi"],
    ["[table]\nkey = 1", "[table] key = 1"],
    [
      "{'role': 'user', 'content': 'hi there, how are you?'}",
      "{'role': 'user', 'content': 'hi there, h…",
    ],
    ["{{ template }}", "{{ template }}"],
    ['"text"', '\\"text\\"'],
    ["\x1b[2J\u202eevil", "\\u001b[2J\\u202eevil"],
  ];
  for (const [content, begin] of texts) {
    assertEquals(
      await refused(content),
      `: begins with "${begin}", which is no form that is read${forms}`,
    );
  }
  const wide = Uint8Array.from('{"\0a\0"\0', (c) => c.charCodeAt(0));
  assertStringIncludes(await refused(wide.subarray(1)), ": has a NUL character, so it is not text");
  const latin1 = Uint8Array.from("Gr\xfc\xdfe", (c) => c.charCodeAt(0));
  assertEquals(await refused(latin1), ": is not UTF-8 text; save the file in UTF-8");
  for (const empty of ["", "\ufeff", " \n\n"]) assertEquals(await refused(empty), ": is empty");
});

Deno.test("CSV is read with each separator, cells in quotes over several lines", async () => {
  for (const separator of [",", ";", "\t"]) {
    const text = `\ufeffprompt${separator}" completion "\r\n`;
    const row = `"x\r\n\ny ""z"" ,;\t"${separator}`;
    assertEquals(await read(`${text}${row}\r\n\r\n${row}`), [
      "CSV",
      ["row 1", { prompt: 'x\r\n\ny "z" ,;\t', completion: "" }],
      ["row 2", { prompt: 'x\r\n\ny "z" ,;\t', completion: "" }],
    ]);
  }
});

Deno.test("a fault in CSV is named with its row and line", async () => {
  const cells = "; a cell with a comma, a quote or a new line in it stands in quotes";
  assertEquals(
    await refused('a,b\n"x\r\n\r\ny",2\n3,4,5\n'),
    `, row 2 (line 5): has 3 cells, but the header has 2${cells}`,
  );
  assertEquals(
    await refused("a,b\n1\n"),
    `, row 1 (line 2): has 1 cell, but the header has 2${cells}`,
  );
  const open = "has a quote that is not closed in its row";
  assertEquals(await refused('a,b\n1,2\n3,"open\n4,5\n'), `, line 3: ${open}`);
  for (const cell of ['x"y"', '"x"y', '"x" ', ' "x"']) {
    assertStringIncludes(await refused(`a,b\n1,2\n${cell},2\n`), ", line 3: has a quote in a cell");
  }
  assertEquals(await refused("a,b\n"), ": has a header, but no rows");
  assertEquals(await refused("a,b,a\n1,2,3"), ': columns 1 and 3 are both named "a" in the header');
  assertStringIncludes(await refused(",a,b\n0,1,2\n"), ": column 1 has no name in the header");
  const latin1 = Uint8Array.from("a,b\n1,2\n3,\xe9\n", (c) => c.charCodeAt(0));
  assertEquals(await refused(latin1), ", line 3: is not UTF-8 text; save the file in UTF-8");
});

/** The conversations of the fixtures. */
const conversations = Array.from({ length: 6 }, (_, i) => [
  { role: "user", content: `Grüße ${i} 🙂` },
  { role: "assistant", content: `He said "hi, ${i}";\nthen\tleft\u2028` },
]);

Deno.test("files that other programs wrote are read", async () => {
  const records = conversations.map((messages) => ({ messages }));
  const rows = conversations.map(([user, assistant], i): [string, unknown] => [
    `row ${i + 1}`,
    { prompt: user.content, completion: assistant.content },
  ]);
  const table = conversations.map((messages, i): [string, unknown] => [`row ${i + 1}`, {
    messages,
    id: i,
    source: i === 4 ? null : "ab"[i % 2],
    score: i % 3 === 0 ? null : i / 2,
    tags: [null, [], ["x", null]][i % 3],
    time: i === 1 ? null : `2026-01-02T03:04:0${i}.000Z`,
    raw: `ü${i}`,
    note: { n: null, deep: [[i], []] },
  }]);
  const files: Record<string, Read> = {
    "zstd.jsonl.zst": lines(...records),
    "gzip.jsonl.gz": lines(...records),
    "python.json.zst": items(...records),
    "python.json.gz": items(...conversations),
    "python_wrapped.json": items(...records),
    "python.csv": ["CSV", ...rows],
    "python_semicolon.csv": ["CSV", ...rows],
    "python_tab.tsv": ["CSV", ...rows],
    "pyarrow.parquet": ["parquet", ...table],
    "pyarrow_v2.parquet": ["parquet", ...table],
  };
  for (const [name, expected] of Object.entries(files)) {
    assertEquals(await readFile(join(FIXTURES, name)), expected, name);
    // By content and not by name.
    assertEquals(await read(await Deno.readFile(join(FIXTURES, name))), expected, name);
  }
});

Deno.test("parquet of hyparquet-writer is read, JSON in it too", async () => {
  const file = parquetWriteBuffer({
    columnData: [
      { name: "messages", data: conversations, type: "JSON" },
      { name: "id", data: [1n, 2n, 3n, 4n, 5n, null], type: "INT64" },
    ],
    codec: "SNAPPY",
  });
  assertEquals(await read(new Uint8Array(file)), [
    "parquet",
    ...conversations.map((messages, i): [string, unknown] => [
      `row ${i + 1}`,
      { messages, id: i < 5 ? i + 1 : null },
    ]),
  ]);
});

Deno.test("values of parquet that JSON lacks lose nothing", async () => {
  const values = async (name: string) => (await readFile(join(FIXTURES, name))).slice(1);
  assertEquals(await values("pyarrow_large.parquet"), [
    ["row 1", { id: 1 }],
    ["row 2", { id: "1152921504606846977" }],
  ]);
  const bytes = Uint8Array.of(0xff, 0xfe);
  assertEquals(await values("pyarrow_bytes.parquet"), [
    ["row 1", { image: "a" }],
    ["row 2", { image: bytes }],
  ]);
  assertEquals(await values("pyarrow_latin1.parquet"), [
    ["row 1", { prompt: Uint8Array.from("caf\xe9", (c) => c.charCodeAt(0)) }],
  ]);
});

Deno.test("parquet that is packed once more is refused", async () => {
  const name = "pyarrow.parquet.gz";
  const { message } = await assertRejects(() => readFile(join(FIXTURES, name)), UserError);
  assertEquals(
    message.replace(`${FIXTURES}/`, ""),
    "cannot read pyarrow.parquet.gz: it holds a parquet file, not text; unpack it first",
  );
});

Deno.test("files that are cut off are told from whole ones", async () => {
  for (const name of ["zstd.jsonl.zst", "gzip.jsonl.gz", "python.json.zst", "python.json.gz"]) {
    const whole = await Deno.readFile(join(FIXTURES, name));
    assertStringIncludes(await refused(whole.subarray(0, -3)), "is cut off", name);
  }
  for (const name of ["pyarrow.parquet", "python_wrapped.json"]) {
    const whole = await Deno.readFile(join(FIXTURES, name));
    await refused(whole.subarray(0, whole.length >> 1));
  }
});

Deno.test("reading is broken off at once, whatever the form", async () => {
  await inTempDir(async (dir) => {
    const long = json({ text: "x".repeat(1000) });
    const many = Array.from({ length: 3000 }, () => long);
    const files = {
      lines: many.join("\n"),
      array: `[${many.join(",\n")}]`,
      values: many.join("\n").replace("{", "{\n"),
      csv: `a,b\n${many.map((_, i) => `${i},${"x".repeat(1000)}\n`).join("")}`,
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(dir, name), text);
    }
    const paths = Object.keys(files).map((name) => join(dir, name));
    for (const path of [...paths, join(FIXTURES, "pyarrow.parquet")]) {
      const aborter = new AbortController();
      const { records } = await readRecords(path, aborter.signal);
      let count = 0;
      const error = await assertRejects(async () => {
        for await (const _ of records) if (count++ === 0) aborter.abort();
      });
      assert(isAbort(error) && count < 1000, `${path}: ${count}, ${error}`);
    }
  });
});

Deno.test({
  name: "a pipe is read from its first byte",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inTempDir(async (dir) => {
      const pipe = join(dir, "pipe");
      await new Deno.Command("mkfifo", { args: [pipe] }).output();
      const [read] = await Promise.all([
        readFile(pipe),
        Deno.writeTextFile(pipe, `${json(record)}\n${json(turns)}`, { create: false }),
      ]);
      assertEquals(read, lines(record, turns));
    }),
});
