import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { BlobSource, type Folder } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { SPLIT_PATTERN, Tokenizer } from "../../lib/tokenizer/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { TOKENIZER_DIRECTORY } from "./reference.ts";

const fixture = (name: string) => join(TOKENIZER_DIRECTORY, name);

Deno.test("token_bytes.pt is read, and without it the bytes are counted alike", async () => {
  const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
  assertEquals(tokenizer.tokenBytes.length, 4096);
  assertEquals(tokenizer.tokenBytes[97], 1);
  assertEquals(Array.from(tokenizer.tokenBytes.subarray(4086)), [5, ...Array(9).fill(0)]);
  await inTempDir(async (directory) => {
    await Deno.copyFile(fixture("tokenizer.pkl"), join(directory, "tokenizer.pkl"));
    assertEquals(
      (await Tokenizer.load(new DiskFolder(directory))).tokenBytes,
      tokenizer.tokenBytes,
    );
  });
});

Deno.test("a tokenizer is read from any folder, such as one of blobs", async () => {
  const expected = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
  const blobs = new Map<string, Blob>();
  const folder: Folder = {
    name: "chosen",
    open: (name) => {
      const blob = blobs.get(name);
      return Promise.resolve(blob && new BlobSource(`chosen/${name}`, blob));
    },
  };
  await assertRejects(() => Tokenizer.load(folder), UserError, "chosen/tokenizer.pkl");
  for (const name of ["tokenizer.pkl", "token_bytes.pt"]) {
    blobs.set(name, new Blob([await Deno.readFile(fixture(name))]));
    const tokenizer = await Tokenizer.load(folder);
    assertEquals(tokenizer.tokenBytes, expected.tokenBytes);
    assertEquals(tokenizer.encode("Hello, world"), expected.encode("Hello, world"));
  }
});

Deno.test("saves tokenizer.pkl byte for byte as Python pickled it, and what it saves loads", async () => {
  const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
  await inTempDir(async (directory) => {
    const nested = join(directory, "base", "tokenizer");
    await tokenizer.save(new DiskFolder(nested));
    const saved = await Deno.readFile(join(nested, "tokenizer.pkl"));
    assertEquals(saved, await Deno.readFile(fixture("tokenizer.pkl")));
    const loaded = await Tokenizer.load(new DiskFolder(nested));
    assertEquals(loaded.tokenBytes, tokenizer.tokenBytes);
    const names = Array.from(Deno.readDirSync(nested), (entry) => entry.name);
    assertEquals(names.sort(), ["token_bytes.pt", "tokenizer.pkl"]);
  });
});

Deno.test("long tokens and ids above 65535 survive saving", async () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  for (let i = 0; i < 70_000; i++) tokens.push(Uint8Array.of(i >> 16, i >> 8, i));
  tokens.push(new Uint8Array(300).fill(61));
  const specialTokens = new Map([["<|bos|>", tokens.length]]);
  const tokenizer = new Tokenizer({ pattern: SPLIT_PATTERN, tokens, specialTokens });
  await inTempDir(async (directory) => {
    await tokenizer.save(new DiskFolder(directory));
    const loaded = await Tokenizer.load(new DiskFolder(directory));
    assertEquals(loaded.bosId, 70_257);
    assertEquals(loaded.encode("=".repeat(300)), [70_256]);
    const ids = tokens.keys().toArray();
    assertEquals(loaded.decodeBytes(ids), tokenizer.decodeBytes(ids));
  });
});

Deno.test("files that are missing, something else or in the way are refused by name", async () => {
  await inTempDir(async (directory) => {
    const refused = (message: string) =>
      assertRejects(() => Tokenizer.load(new DiskFolder(directory)), UserError, message);
    const pickle = join(directory, "tokenizer.pkl");
    await refused(`there is no tokenizer at ${pickle}`);

    const whole = await Deno.readFile(fixture("tokenizer.pkl"));
    await Deno.writeFile(pickle, whole.subarray(0, 20_000));
    await refused(pickle);
    await Deno.writeTextFile(pickle, "cos\nsystem\n(S'true'\ntR."); // os.system("true")
    await refused("os.system");
    await Deno.writeTextFile(pickle, "(lp0\nI1\na.");
    await refused(`${pickle} is no tokenizer: it holds something else than a tiktoken Encoding`);
    await Deno.writeTextFile(pickle, "ctiktoken.core\nEncoding\n)R(dS'pat_str'\nS'x'\nsb.");
    await refused(`${pickle} is no tokenizer: it has no vocabulary`);

    await Deno.writeFile(pickle, whole);
    await Deno.writeTextFile(join(directory, "token_bytes.pt"), "not torch");
    await refused("token_bytes.pt");
    const other = join(TOKENIZER_DIRECTORY, "..", "parity");
    const folder = Array.from(Deno.readDirSync(other), (entry) => entry.name)[0];
    await Deno.copyFile(
      join(other, folder, "model_000010.pt"),
      join(directory, "token_bytes.pt"),
    );
    await refused("token_bytes.pt is not a vector of int32");
    const tokenizer = await Tokenizer.load(new DiskFolder(TOKENIZER_DIRECTORY));
    const within = join(pickle, "folder");
    await assertRejects(
      () => tokenizer.save(new DiskFolder(within)),
      UserError,
      "cannot be written",
    );
  });
});
