import { zstdCompressSync } from "node:zlib";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import {
  CompactRows,
  CustomJSON,
  loadMixtureFile,
  LocalSource,
  OwnConversations,
} from "../../lib/tasks/mod.ts";
import { loadWords } from "../../lib/tasks/words.ts";
import { inTempDir } from "../temp_dir.ts";

/** A base directory with the files given, gone after the test. */
async function withBaseDir(
  files: Record<string, string | Uint8Array>,
  test: (source: LocalSource, dir: string) => Promise<void>,
): Promise<void> {
  await inTempDir(async (dir) => {
    for (const [path, content] of Object.entries(files)) {
      const full = join(dir, path);
      await Deno.mkdir(join(full, ".."), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(full, content);
      else await Deno.writeFile(full, content);
    }
    await test(new LocalSource(dir), dir);
  });
}

async function gzip(text: string): Promise<Uint8Array> {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

async function message(run: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(run, UserError)).message;
}

const FOLDER = "task_data/someone--things/main/train";

Deno.test("LocalSource reads a split's files in the order of their names", async () => {
  const files = {
    [`${FOLDER}/b.jsonl`]: '{"n":3}\r\n\n{"n":4}',
    [`${FOLDER}/a.jsonl.gz`]: await gzip('{"n":1}\n{"n":"zwei €"}\n'),
    [`${FOLDER}/notes.txt`]: "not a dataset",
  };
  await withBaseDir(files, async (source) => {
    const rows = await source.rows("someone/things", "main", "train");
    const values = Array.from({ length: rows.length }, (_, i) => rows.get(i).n);
    assertEquals(values, [1, "zwei €", 3, 4]);
    assertEquals(rows.where(2), "someone/things (main, train), b.jsonl, row 0");
  });
});

Deno.test("rows and conversations are read as Python writes them", async () => {
  const turn = '[{"role":"user","content":"NaN?"},{"role":"assistant","content":"No."}]';
  const files = {
    [`${FOLDER}/a.jsonl`]: '\ufeff{"n":NaN,"m":"-Infinity"}\n{"n":-Infinity}\n',
    "own.jsonl":
      `\ufeff{"score": NaN, "messages": ${turn}}\n{"messages": ${turn}, "best": Infinity}\n`,
  };
  await withBaseDir(files, async (source) => {
    const rows = await source.rows("someone/things", "main", "train");
    assertEquals([rows.get(0), rows.get(1)], [{ n: NaN, m: "-Infinity" }, { n: -Infinity }]);
    const own = await CustomJSON.load(await source.open("own.jsonl"), "own.jsonl");
    assertEquals([own.length, own.get(0).messages[0].content], [2, "NaN?"]);
  });
});

Deno.test("LocalSource says which file to place where", async () => {
  await withBaseDir({}, async (source, dir) => {
    const rows = await message(() => source.rows("someone/things", "main", "train"));
    assertStringIncludes(rows, join(dir, FOLDER));
    const file = await message(() => source.open("words_alpha.txt"));
    assertStringIncludes(file, `place it at ${join(dir, "words_alpha.txt")}`);
  });
});

Deno.test("files of several gzip members and Zstandard are rows of a split", async () => {
  const files = {
    [`${FOLDER}/a.jsonl.gz`]: new Uint8Array([
      ...await gzip('{"n":1}\n'),
      ...await gzip('{"n":2}'),
    ]),
    [`${FOLDER}/b.jsonl.zst`]: zstdCompressSync('{"n":3}\r\n{"n":4}\r\n'),
  };
  await withBaseDir(files, async (source) => {
    assert(await source.hasRows("someone/things", "main", "train"));
    const rows = await source.rows("someone/things", "main", "train");
    assertEquals(Array.from({ length: rows.length }, (_, i) => rows.get(i).n), [1, 2, 3, 4]);
  });
});

Deno.test("hidden files are no data, a file in two forms and an empty one are named", async () => {
  const rowsOf = async (source: LocalSource) =>
    (await source.rows("someone/things", "main", "train")).length;
  const hidden = {
    [`${FOLDER}/._a.jsonl`]: "\0\x05\x16\x07",
    [`${FOLDER}/._b.parquet`]: "\0\x05\x16\x07",
    [`${FOLDER}/.DS_Store`]: "\0\0\0\x01Bud1",
    [`${FOLDER}/folder.jsonl/readme`]: "a folder",
  };
  await withBaseDir({ ...hidden, [`${FOLDER}/a.jsonl`]: '{"n":1}\n' }, async (source) => {
    assertEquals(await rowsOf(source), 1);
  });
  await withBaseDir(hidden, async (source) => {
    assert(!await source.hasRows("someone/things", "main", "train"));
    assertStringIncludes(await message(() => rowsOf(source)), "is not here");
  });
  for (const twin of ["data.jsonl.gz", "data.jsonl.zst", "data.parquet"]) {
    const double = { [`${FOLDER}/data.jsonl`]: '{"n":1}\n', [`${FOLDER}/${twin}`]: "" };
    await withBaseDir(double, async (source, dir) => {
      assertEquals(
        await message(() => rowsOf(source)),
        `${dir}/${FOLDER} has data.jsonl and ${twin}, the same data twice as it seems: ` +
          "remove one of them",
      );
    });
  }
  const empty = { [`${FOLDER}/a.jsonl`]: "", [`${FOLDER}/b.jsonl`]: '{"n":1}\n' };
  await withBaseDir(empty, async (source) => {
    assertStringIncludes(await message(() => rowsOf(source)), "a.jsonl is empty");
  });
});

Deno.test("damaged files are named, with the line where there are lines", async () => {
  const whole = await gzip('{"n":1}\n'.repeat(5000) + JSON.stringify(crypto.randomUUID()));
  const damaged: [string, string | Uint8Array, string][] = [
    ["a.jsonl", '{"n":1}\n{"n":\n', "a.jsonl, line 2:"],
    ["b.jsonl", '{"n":1}\n[1]\n', "b.jsonl, line 2: is a list; expected a JSON object"],
    ["c.jsonl", new Uint8Array([0x7b, 0xff, 0x7d]), "c.jsonl, line 1:"],
    ["d.jsonl.gz", whole.subarray(0, whole.length - 20), "d.jsonl.gz, line 5000:"],
    ["f.jsonl", "PK\x03\x04", "f.jsonl: it is a zip archive, not text"],
    [
      "g.jsonl.zst",
      zstdCompressSync("[]").subarray(0, 8),
      "g.jsonl.zst: the Zstandard data is cut",
    ],
    ["e.parquet", "PAR1 and no more", "e.parquet: not a readable parquet file"],
  ];
  for (const [name, content, expected] of damaged) {
    await withBaseDir({ [`${FOLDER}/${name}`]: content }, async (source) => {
      assertStringIncludes(
        await message(() => source.rows("someone/things", "main", "train")),
        expected,
      );
    });
  }
});

Deno.test("CompactRows keeps rows of any size apart", () => {
  const rows = new CompactRows("numbers");
  const texts = Array.from({ length: 300 }, (_, i) => "é".repeat((i * 7919) % 40000));
  for (const text of texts) rows.add({ text, n: 2n });
  for (const [i, text] of texts.entries()) assertEquals(rows.get(i), { text, n: 2 });
});

function custom(text: string): Promise<CustomJSON> {
  return CustomJSON.load(new Blob([text]).stream(), "own.jsonl");
}

Deno.test("CustomJSON reads lists of messages and objects that hold them", async () => {
  const task = await custom([
    '[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]',
    "",
    '{"id":7,"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},' +
    '{"role":"assistant","content":[{"type":"python","text":"1+1"}]}]}',
    '[{"role":"user","content":"a"},{"role":"assistant","content":"b"},' +
    '{"role":"user","content":"left open"}]',
  ].join("\n"));
  assertEquals(task.length, 3);
  assertEquals(task.get(0), {
    messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }],
  });
  assertEquals(task.get(1).messages[2].content, [{ type: "python", text: "1+1" }]);
  assertEquals(task.get(2).messages.length, 3);
});

Deno.test("CustomJSON names the line and the message that is wrong", async () => {
  const good = '[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]\n';
  const wrong: [string, string][] = [
    ['[{"role":"user","content":"a"}]', 'needs a message from "assistant"'],
    [
      '[{"role":"user","content":"a"},{"role":"user","content":"b"}]',
      'message 2 is from "user" and should be from "assistant": after an optional',
    ],
    [
      '[{"role":"user","content":5},{"role":"assistant","content":"b"}]',
      "message 1 (user) has no text",
    ],
    [
      '[{"content":"a"},{"role":"assistant","content":"b"}]',
      "has a list of which the first item has",
    ],
    ["[null, null]", 'has a list of which the first item is null; expected "messages" or'],
    ['{"text":"hello"}', 'has the key "text"; a text by itself has nobody who asks or answers'],
    ['{"messages":{"role":"user"}}', 'has "messages" that has the key "role"; a list of messages'],
    ["null", 'is null; expected "messages" or "conversations"'],
    ["{", "own.jsonl, line 2:"],
  ];
  for (const [line, expected] of wrong) {
    const text = await message(() => custom(good + line));
    assertStringIncludes(text, "own.jsonl, line 2:");
    assertStringIncludes(text, expected);
  }
});

Deno.test("datasets and own files are read no further once the signal is aborted", async () => {
  const line = '[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]\n';
  const text = line.repeat(20_000);
  const folder = "task_data/a--b/c/train";
  await withBaseDir({
    [`${folder}/0.jsonl`]: text,
    "words_alpha.txt": "cat\n".repeat(100_000),
    "own.jsonl.gz": await gzip(text),
    "m.json": '{"train":[{"file":"own.jsonl.gz"}]}',
  }, async (_, dir) => {
    const controller = new AbortController();
    const { signal } = controller;
    const source = new LocalSource(dir, signal);
    controller.abort();
    for (
      const read of [
        () => source.rows("a/b", "c", "train"),
        () => loadWords(source),
        () => OwnConversations.load(join(dir, "own.jsonl.gz"), {}, undefined, signal),
        () => loadMixtureFile(join(dir, "m.json"), source, {}, signal),
      ]
    ) {
      assertEquals(await assertRejects(read), signal.reason);
    }
  });
});
