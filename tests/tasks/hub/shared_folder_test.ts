/** Datasets in a folder that nanochat uses too. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../../lib/errors.ts";
import { FIRST, namesIn, readJson, SECOND, setUp } from "./set_up.ts";

/** What nanochat (3 July 2026) leaves in a folder: shards, the list of their names, and its lock. */
async function fetchAsNanochat(folder: string, ...shards: Uint8Array[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "manifest.json.lock"), "");
  const names = shards.map((_, i) => `0000${i}.parquet`);
  for (const [i, name] of names.entries()) await Deno.writeFile(join(folder, name), shards[i]);
  await Deno.writeTextFile(join(folder, "manifest.json"), JSON.stringify(names));
}

Deno.test("what nanochat fetched is read in the order of its list, and only whole", async () => {
  await using world = await setUp();
  const { hub, folder, rows } = world;
  const manifest = join(folder, "manifest.json");
  await fetchAsNanochat(folder, FIRST, SECOND);
  assertEquals((await rows()).length, 200);
  await Deno.writeTextFile(manifest, JSON.stringify(["00001.parquet", "00000.parquet"]));
  assertEquals(
    ((await rows()).get(0).messages as { content: string }[])[1].content,
    "I am second 0.",
  );
  assertEquals(hub.seen.length, 0);
  for (
    const [list, fault] of [
      [["00000.parquet"], "does not list 00001.parquet"],
      [
        ["00000.parquet", "00001.parquet", "00002.parquet"],
        "lists 00002.parquet, which is missing",
      ],
      [
        ["00000.parquet", "00001.parquet", "../../x.parquet"],
        "lists ../../x.parquet, which is missing",
      ],
      [[], "lists no files"],
      [[1, 2], "is not a manifest"],
      [{ "0": "00000.parquet" }, "is not a manifest"],
      [null, "is not a manifest"],
    ] as const
  ) {
    await Deno.writeTextFile(manifest, JSON.stringify(list));
    await assertRejects(rows, UserError, `${manifest} ${fault}: delete the folder`);
  }
});

Deno.test("what nanochat began and did not finish is fetched anew", async () => {
  await using world = await setUp();
  const { folder, rows, hub } = world;
  await fetchAsNanochat(folder, SECOND.slice(0, 100), SECOND, SECOND);
  await Deno.remove(join(folder, "manifest.json"));
  assertEquals((await rows()).length, 200);
  assertEquals(await namesIn(folder), [
    "0000.parquet",
    "0001.parquet",
    "checksums.json",
    "manifest.json",
  ]);
  assert(hub.seen.length > 0);
});

Deno.test("while nanochat fetches the same, what it fetched is waited for and stays", async () => {
  await using world = await setUp({ sleep: () => new Promise((done) => setTimeout(done, 20)) });
  const { folder, rows, notes } = world;
  await Deno.mkdir(folder, { recursive: true });
  const lock = await Deno.open(join(folder, "manifest.json.lock"), { create: true, write: true });
  await lock.lock(true);
  const waiting = rows();
  while (!notes.some((note) => note.startsWith("waiting"))) {
    await new Promise((done) => setTimeout(done, 5));
  }
  await fetchAsNanochat(folder, SECOND);
  lock.close();
  assertEquals((await waiting).length, 80);
  assertEquals(await readJson(join(folder, "manifest.json")), ["00000.parquet"]);
});

Deno.test("a manifest of this package's earlier form is read, and made one for nanochat", async () => {
  await using world = await setUp();
  const { folder, rows } = world;
  assertEquals((await rows()).length, 200);
  const [manifest, checksums] = [join(folder, "manifest.json"), join(folder, "checksums.json")];
  const earlier = await Deno.readTextFile(checksums);
  await Deno.writeTextFile(manifest, earlier);
  await Deno.remove(checksums);
  assertEquals((await rows()).length, 200);
  assertEquals(await readJson(manifest), ["0000.parquet", "0001.parquet"]);
  assertEquals(await Deno.readTextFile(checksums), earlier);

  await Deno.writeTextFile(manifest, earlier);
  await Deno.truncate(join(folder, "0001.parquet"), 100);
  await assertRejects(rows, UserError, `0001.parquet has ${SECOND.length} bytes, not 100`);
  await Deno.writeTextFile(checksums, "{");
  await assertRejects(rows, UserError, `${checksums} is not a file of checksums`);
});
