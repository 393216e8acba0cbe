import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../../lib/errors.ts";
import { HubSource } from "../../../lib/tasks/hub/hub_source.ts";
import { SmolTalk } from "../../../lib/tasks/mod.ts";
import { conversationsParquet, FakeHub } from "./fake_hub.ts";
import { conversations, FIRST, namesIn, readJson, REPO, SECOND, setUp, text } from "./set_up.ts";

Deno.test("a split is fetched once, in order, with a manifest", async () => {
  await using world = await setUp();
  const { hub, folder, source, rows } = world;
  const first = await rows();
  assertEquals(first.length, 200);
  assertEquals((first.get(1).messages as unknown[])[1], {
    content: "I am first 1.",
    role: "assistant",
  });
  assertEquals((first.get(120).messages as { content: string }[])[1].content, "I am second 0.");
  const names = ["0000.parquet", "0001.parquet"];
  assertEquals(await namesIn(folder), [...names, "checksums.json", "manifest.json"]);
  assertEquals(await readJson(join(folder, "manifest.json")), names);
  const { files } = await readJson(join(folder, "checksums.json"));
  assertEquals(files.map((file: { size: number }) => file.size), [FIRST.length, SECOND.length]);

  const requests = hub.seen.length;
  assertEquals((await SmolTalk.load(source, { split: "train" })).length, 200);
  assertEquals(hub.seen.length, requests);
});

Deno.test("more than ten files keep the hub's order", async () => {
  await using world = await setUp();
  const files = Array.from(
    { length: 12 },
    (_, i) => conversationsParquet(conversations(1, `f${i}`)),
  );
  world.hub.addDataset("a/b", "c", "test", files);
  const rows = await world.source.rows("a/b", "c", "test");
  const answers = Array.from(
    { length: 12 },
    (_, i) => (rows.get(i).messages as { content: string }[])[1].content,
  );
  assertEquals(answers, files.map((_, i) => `I am f${i} 0.`));
});

Deno.test("dropped connections are gone on with by range", async () => {
  await using world = await setUp();
  world.hub.mischief.push({ dropAfter: 700 }, { dropAfter: 600 }, { dropAfter: 0 });
  assertEquals((await world.rows()).length, 200);
  assertEquals(
    world.hub.fileRequests.filter(({ path }) => path.startsWith("/cdn")).map(({ range }) => range),
    [null, "bytes=700-", "bytes=1300-", "bytes=1300-", null],
  );
  // Each try that gets further starts the back-off anew.
  assertEquals(world.waits, [1000, 1000, 2000]);
  assertStringIncludes(world.notes[0], `broke off at 700 of ${FIRST.length} bytes; trying again`);
});

Deno.test("a connection that gives nothing more counts as dropped", async () => {
  await using world = await setUp({ stallTimeout: 60 });
  world.hub.mischief.push({ stallAfter: 500 });
  assertEquals((await world.rows()).length, 200);
  assertEquals(world.waits, [1000]);
});

Deno.test("a server that keeps cutting the file off gives one clear line, and nothing is read", async () => {
  await using world = await setUp();
  world.hub.mischief.push(
    ...Array.from({ length: 5 }, () => ({ dropAfter: 500, ignoreRange: true as const })),
  );
  const error = await assertRejects(() => world.rows(), UserError);
  assertStringIncludes(error.message, `broke off at 500 of ${FIRST.length} bytes`);
  assertStringIncludes(error.message, `place its .parquet, .jsonl or .jsonl.gz files in`);
  assertEquals(error.message.includes("\n"), false);
  assertEquals(world.waits, [1000, 2000, 4000, 8000]);
  // The next run goes on with what is there.
  assertEquals((await world.rows()).length, 200);
});

Deno.test("damaged bytes are noticed by the hub's checksum and fetched again", async () => {
  await using world = await setUp();
  world.hub.mischief.push({ damage: true });
  assertEquals((await world.rows()).length, 200);
  assertStringIncludes(world.notes[0], "came damaged");
});

Deno.test("429 waits as long as Retry-After says, in seconds or until a date", async () => {
  await using world = await setUp();
  world.hub.listMischief.push({ status: 429, headers: { "retry-after": "17" } });
  world.hub.mischief.push(
    { status: 503 },
    {
      status: 429,
      headers: {
        "date": "Tue, 24 Nov 2026 10:00:00 GMT",
        "retry-after": "Tue, 24 Nov 2026 10:01:00 GMT",
      },
    },
  );
  assertEquals((await world.rows()).length, 200);
  assertEquals(world.waits, [17000, 1000, 60000]);
});

Deno.test("a server that asks to wait too long is not waited for", async () => {
  await using world = await setUp();
  world.hub.listMischief.push({ status: 429, headers: { "retry-after": "3600" } });
  await assertRejects(() => world.rows(), UserError, "asks to wait 60 minutes");
  assertEquals(world.waits, []);
});

Deno.test("404, 401 and 403 are told at once", async () => {
  await using world = await setUp();
  const { hub, source, folder, waits } = world;
  const error = await assertRejects(() => source.rows("no/such", "main", "train"), UserError);
  assertStringIncludes(error.message, "cannot fetch dataset no/such (main, train): ");
  assertStringIncludes(error.message, "/api/datasets/no/such/parquet/main/train answers 404 Not F");
  for (const status of [401, 403]) {
    hub.listMischief.push({ status });
    await assertRejects(() => world.rows(), UserError, "set HF_TOKEN to a token that may read it");
  }
  hub.mischief.push({ status: 404 });
  const lost = await assertRejects(() => world.rows(), UserError);
  assertStringIncludes(lost.message, folder);
  assertEquals(waits, []);
});

Deno.test("without a network one line says which file to place where", async () => {
  const baseDir = await Deno.makeTempDir();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const endpoint = `http://127.0.0.1:${port}`;
  const files = { "words_alpha.txt": `${endpoint}/words` };
  const source = new HubSource(baseDir, { endpoint, files, sleep: () => Promise.resolve() });
  const folder = join(baseDir, "task_data", "openai--gsm8k", "main", "train");
  const page = `${endpoint}/datasets/openai/gsm8k/tree/refs%2Fconvert%2Fparquet/main/train`;
  const rows = await assertRejects(() => source.rows("openai/gsm8k", "main", "train"), UserError);
  assertStringIncludes(rows.message, `no connection to ${endpoint}`);
  assertStringIncludes(rows.message, `files in ${folder} yourself, from ${page}`);
  const words = await assertRejects(() => source.open("words_alpha.txt"), UserError);
  assertStringIncludes(words.message, `place it at ${join(baseDir, "words_alpha.txt")} yourself`);
  assertEquals(words.message.includes("\n"), false);
  await Deno.remove(baseDir, { recursive: true });
});

Deno.test("an address that is none of the web is told, and only to who asks the hub", async () => {
  for (const endpoint of ["mirror", "localhost:80", "http://", "file:///data"]) {
    await using world = await setUp({ endpoint, token: "hf_secret" });
    const error = await assertRejects(() => world.rows(), UserError, "HF_ENDPOINT");
    assertStringIncludes(error.message, JSON.stringify(endpoint));
    assert((await text(await world.source.open("words_alpha.txt"))).startsWith("bee"));
  }
});

Deno.test("the token goes to the hub and to nobody else", async () => {
  await using elsewhere = new FakeHub();
  await using world = await setUp({ token: "hf_secret" });
  elsewhere.addFile("/elsewhere", new TextEncoder().encode("words"));
  const source = new HubSource(world.baseDir, {
    endpoint: world.hub.url,
    token: "hf_secret",
    files: { "words_alpha.txt": `${elsewhere.url}/elsewhere` },
  });
  await source.open("words_alpha.txt").then(text);
  await world.rows();
  assertEquals(elsewhere.seen[0].authorization, null);
  assert(world.hub.seen.every(({ authorization }) => authorization === "Bearer hf_secret"));
});

Deno.test("a file that changed on the server since the break is fetched from its start", async () => {
  await using world = await setUp();
  const { hub, source } = world;
  hub.mischief.push({ dropAfter: 1000 }, ...Array(4).fill({ dropAfter: 0 }));
  await assertRejects(() => source.open("words_alpha.txt"), UserError, "broke off at 1000");
  hub.addFile("/words", new TextEncoder().encode("wasp\nmead\n".repeat(300)));
  assertEquals(await text(await source.open("words_alpha.txt")), "wasp\nmead\n".repeat(300));
  assertEquals(hub.seen.at(-1)!.range, "bytes=1000-");
});

Deno.test("so is a linked file, told apart by its checksum, and one that got shorter", async () => {
  await using world = await setUp();
  const { hub, source } = world;
  const drops = () => [{ dropAfter: 1500 }, ...Array(4).fill({ dropAfter: 0 })];
  for (const other of [SECOND, conversationsParquet(conversations(1, "short"))]) {
    hub.addDataset("a/b", "c", "test", [FIRST]);
    hub.mischief.push(...drops());
    await assertRejects(() => source.rows("a/b", "c", "test"), UserError, "broke off at 1500");
    hub.addDataset("a/b", "c", "test", [other]);
    const rows = await source.rows("a/b", "c", "test");
    assertEquals(rows.length, other === SECOND ? 80 : 1);
    await Deno.remove(join(world.baseDir, "task_data", "a--b"), { recursive: true });
  }
});

Deno.test("single files are fetched, gone on with, and checked against their manifest", async () => {
  await using world = await setUp();
  const { hub, source, baseDir } = world;
  hub.mischief.push({ dropAfter: 500 });
  const words = await text(await source.open("words_alpha.txt"));
  assertEquals(words, "bee\nhoney\n".repeat(300));
  assertEquals(hub.seen.map(({ range }) => range), [null, "bytes=500-"]);
  assertEquals(await namesIn(baseDir), [
    "task_data",
    "words_alpha.txt",
    "words_alpha.txt.manifest.json",
  ]);
  await Deno.writeTextFile(join(baseDir, "words_alpha.txt"), "bee\n");
  await assertRejects(() => source.open("words_alpha.txt"), UserError, "3000 bytes, not 4: delete");
});

Deno.test("a killed process leaves nothing that is read, and the next one goes on", async () => {
  await using world = await setUp();
  const { hub, baseDir, folder } = world;
  hub.pace = 20;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(import.meta.dirname!, "fetch_program.ts")],
    env: { ENDPOINT: hub.url, BASE_DIR: baseDir },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  // The second file has begun: the first is whole by now.
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let told = ""; !/train 2\/2 at [1-9]/.test(told);) told += (await lines.read()).value;
  child.kill("SIGKILL");
  await child.status;
  await lines.cancel();
  await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);

  hub.pace = 0;
  hub.seen.length = 0;
  assertEquals((await world.rows()).length, 200);
  const fetched = hub.fileRequests.filter(({ path }) => path.startsWith("/cdn"));
  assertEquals(fetched.length, 1, "the whole file is not fetched again");
  assertStringIncludes(fetched[0].path, "1.parquet");
  assert(fetched[0].range !== null, "the broken one is gone on with");
});

Deno.test("two at once fetch every file once", async () => {
  await using world = await setUp();
  const other = new HubSource(world.baseDir, { endpoint: world.hub.url });
  const both = await Promise.all([world.rows(), other.rows(REPO, "default", "train")]);
  assertEquals(both.map((rows) => rows.length), [200, 200]);
  const cdn = world.hub.seen.filter(({ path }) => path.startsWith("/cdn"));
  assertEquals(cdn.length, 2);
});

Deno.test("stopping keeps what is there", async () => {
  const controller = new AbortController();
  let progress = 0;
  await using world = await setUp({
    signal: controller.signal,
    progress: () => ({
      update(done) {
        progress = done;
        controller.abort(new Error("stop"));
      },
      finish() {},
    }),
  });
  await assertRejects(() => world.rows(), Error, "stop");
  assert(progress > 0);
  const { size } = await Deno.stat(join(`${world.folder}.part`, "0000.parquet.part"));
  assert(size > 0 && size < FIRST.length);
});

Deno.test("progress tells what is fetched, how much of it, and from where on", async () => {
  const told: unknown[] = [];
  await using world = await setUp({
    progress: (label, total, start) => {
      const entry = { label, total, start, done: start, finished: false };
      told.push(entry);
      return {
        update: (done) => entry.done = done,
        finish: () => entry.finished = true,
      };
    },
  });
  world.hub.mischief.push({ dropAfter: 1000 });
  await world.rows();
  const [first, second] = [FIRST.length, SECOND.length];
  const label = (i: number) => `smol-smoltalk train ${i}/2`;
  assertEquals(told, [
    { label: label(1), total: first, start: 0, done: 1000, finished: true },
    { label: label(1), total: first, start: 1000, done: first, finished: true },
    { label: label(2), total: second, start: 0, done: second, finished: true },
  ]);
});

Deno.test("files placed by hand are used as they are; a manifest that does not fit is refused", async () => {
  await using world = await setUp();
  const { hub, folder, rows } = world;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(join(folder, "own.parquet"), SECOND);
  assertEquals((await rows()).length, 80);
  assertEquals(hub.seen.length, 0);
  await Deno.remove(join(folder, "own.parquet"));

  // An empty folder counts as none.
  assertEquals((await rows()).length, 200);
  const whole = await Deno.readFile(join(folder, "0001.parquet"));
  const file = (i: number) => join(folder, `000${i}.parquet`);
  await Deno.truncate(file(1), 100);
  await assertRejects(rows, UserError, `has ${SECOND.length} bytes, not 100: delete the folder`);
  whole[200] ^= 1;
  await Deno.writeFile(file(1), whole);
  await assertRejects(rows, UserError, "has another checksum for 0001.parquet");
  await Deno.remove(file(1));
  await assertRejects(rows, UserError, "lists 0001.parquet, which is missing");
  await Deno.writeFile(file(1), SECOND);
  await Deno.writeFile(file(2), SECOND);
  await assertRejects(rows, UserError, "does not list 0002.parquet");
  await Deno.remove(join(folder, "manifest.json"));
  assertEquals((await rows()).length, 280);
});
