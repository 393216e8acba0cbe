import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { isParquet, openFile } from "../../lib/tasks/mod.ts";
import { inTempDir } from "../temp_dir.ts";

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const joined = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

const LINES = '{"n":1}\n{"n":2}\n';
/** The lines above, one a frame, as the program zstd packs them, and a frame to skip in between. */
const ZSTD = bytesOf(
  "KLUv/QRYQQAAeyJuIjoxfQozFZs8XypNGAMAAABhYmMotS/9BFhBAAB7Im4iOjJ9Cg/RQ30=",
);
/** The lines above, one a member, as the program gzip packs them. */
const GZIP = bytesOf(
  "H4sIAAAAAAAAA6tWylOyMqzlAgCTEb6FCAAAAB+LCAAAAAAAAAOrVspTsjKq5QIAyq/4hwgAAAA=",
);

/** What `openFile` reads from a file of these bytes, or the message of its error. */
async function read(name: string, content: Uint8Array): Promise<string> {
  let text = "";
  await inTempDir(async (dir) => {
    const path = join(dir, name);
    await Deno.writeFile(path, content);
    const run = async () => await new Response(await openFile(path)).text();
    try {
      text = await run();
    } catch {
      const { message } = await assertRejects(run, UserError);
      text = message.replace(dir, "");
    }
  });
  return text;
}

Deno.test("files of several gzip members are read to the end", async () => {
  assertEquals(await read("x.jsonl.gz", GZIP), LINES);
  assertEquals(await read("x.jsonl.gz", joined(GZIP, new Uint8Array(512))), LINES);
  assertEquals(await read("named otherwise", GZIP), LINES);
});

Deno.test("files of several Zstandard frames are read to the end, whatever is to be skipped", async () => {
  assertEquals(await read("x.jsonl.zst", ZSTD), LINES);
  assertEquals(await read("named otherwise", ZSTD), LINES);
});

Deno.test("packed files that are cut off or damaged are told from whole ones", async () => {
  const cutOff = "the Zstandard data is cut off: it ends in the middle of a frame";
  for (const length of [6, 20, ZSTD.length - 1]) {
    const message = await read("x.zst", ZSTD.subarray(0, length));
    assertEquals(message.slice(-cutOff.length), cutOff);
  }
  const flipped = ZSTD.slice();
  flipped[15] ^= 1; // in the text, which only the checksum notices
  assertEquals(
    await read("x.zst", flipped),
    "/x.zst: the Zstandard data is damaged: Restored data doesn't match checksum",
  );
  assertEquals(
    await read("x.zst", joined(ZSTD, latin1("more"))),
    "/x.zst: the Zstandard data is damaged: no frame begins where one ended",
  );
  const cut = await read("x.gz", GZIP.subarray(0, GZIP.length - 1));
  assertEquals(cut, "/x.gz: the gzip data is cut off: unexpected end of file");
  const damaged = GZIP.slice();
  damaged[GZIP.length - 8] ^= 1;
  assertEquals(
    await read("x.gz", damaged),
    "/x.gz: the gzip data is damaged: incorrect data check",
  );
});

Deno.test("a name that promises a packed file is held to it", async () => {
  for (const suffix of [".gz", ".zst"]) {
    const message = `cannot read /x${suffix}: it is not packed as ${suffix} files are`;
    assertEquals(await read(`x${suffix}`, latin1("plain")), message);
    assertEquals(await read(`x${suffix}`, new Uint8Array()), message);
  }
});

Deno.test("UTF-16 with its mark is read, a mark of UTF-8 is passed on", async () => {
  const text = "\ufeffzwei ü 🙂\n";
  const codes = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  const little = Uint8Array.from(codes.flatMap((code) => [code & 255, code >> 8]));
  const big = little.map((_, i) => little[i ^ 1]);
  assertEquals(await read("x.txt", little), "zwei ü 🙂\n");
  assertEquals(await read("x.txt", big), "zwei ü 🙂\n");
  assertEquals(await read("x.txt", new TextEncoder().encode("\ufeffzwei")), "zwei");
  const cut = await read("x.txt", little.subarray(0, -1));
  assertEquals(cut, "the text is not UTF-16, as its mark says, or is cut off");
});

Deno.test("containers are refused by name, packed or not, and text that begins alike is not", async () => {
  const zeros = "\0".repeat(300);
  const containers: [string, string][] = [
    ["PAR1\x15\x04", "a parquet file"],
    ["PK\x03\x04", "a zip archive"],
    [`name${"\0".repeat(253)}ustar\0`, "a tar archive"],
    ["%PDF-1.7", "a PDF document"],
    ["\x80\x04\x95", "a pickle"],
    [`\x40\0\0\0\0\0\0\0{"a":`, "a safetensors file"],
    ["BZh91AY&SY", "a bzip2 file"],
    ["\xfd7zXZ\0", "an xz file"],
    ["\x93NUMPY\x01", "a NumPy file"],
    ["SQLite format 3\0", "an SQLite database"],
  ];
  for (const [head, name] of containers) {
    const content = latin1(head + zeros);
    assertEquals(await read("x.txt", content), `cannot read /x.txt: it is ${name}, not text`);
    const packed = new Blob([content]).stream().pipeThrough(new CompressionStream("gzip"));
    assertEquals(
      await read("x.gz", new Uint8Array(await new Response(packed).arrayBuffer())),
      `cannot read /x.gz: it holds ${name}, not text` +
        (name === "a parquet file" ? "; unpack it first" : ""),
    );
  }
  for (const text of ["BZh is how bzip2 files begin", "PK", "GGUF is a format", "Rar!", "1\0"]) {
    assertEquals(await read("x.txt", latin1(text)), text);
  }
});

Deno.test("parquet is known by its first bytes", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeTextFile(join(dir, "a"), "PAR1");
    await Deno.writeTextFile(join(dir, "b.parquet"), "PA");
    assertEquals([await isParquet(join(dir, "a")), await isParquet(join(dir, "b.parquet"))], [
      true,
      false,
    ]);
  });
});

Deno.test("a folder is no file", () =>
  inTempDir(async (dir) => {
    await assertRejects(() => openFile(dir), UserError, `cannot open ${dir}: Is a directory`);
  }));

Deno.test("a packed file can be left in the middle", async () => {
  await inTempDir(async (dir) => {
    for (const [name, content] of [["x.gz", GZIP], ["x.zst", ZSTD]] as const) {
      await Deno.writeFile(join(dir, name), content);
      for await (const _ of await openFile(join(dir, name))) break;
    }
  });
});
