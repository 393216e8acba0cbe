/** Whatever may go wrong while a dataset is fetched may go wrong with a model too. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { runPull } from "../../lib/pull/mod.ts";
import { findCheckpoint } from "../../lib/checkpoint/disk/mod.ts";
import { PAGE, SmallDisk, whyNoSmallDisk } from "../campaigns/small_disk.ts";
import { dropsAt, testFailures } from "../hub/failures.ts";
import { AT_ROOT, hubWith, METAS, MODEL, modelFiles, tokenizerIn } from "./small_models.ts";

const NAME = "karpathy/nanochat-d32";

testFailures("model", async (options) => {
  const world = await hubWith({ [NAME]: AT_ROOT }, options);
  return {
    ...world,
    largest: MODEL.length,
    fetch: async () => void await world.pull(NAME),
    isHere: async () => {
      const { baseDir } = world;
      const files = await findCheckpoint(baseDir, { source: "sft" }).catch(() => undefined);
      if (files === undefined) return false;
      assertEquals(await Deno.readFile(files.model), MODEL);
      assertEquals(
        await Deno.readFile(join(baseDir, "tokenizer/tokenizer.pkl")),
        AT_ROOT["tokenizer.pkl"],
      );
      return true;
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
});

Deno.test("a killed process leaves no checkpoint, and the next one goes on", async () => {
  await using world = await hubWith({ [NAME]: AT_ROOT });
  const { hub, baseDir, pull } = world;
  hub.piece = 4000;
  hub.pace = 10;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", join(import.meta.dirname!, "../../mod.ts"), "pull", NAME],
    env: { HF_ENDPOINT: hub.url, NANOCHAT_BASE_DIR: baseDir, HF_TOKEN: "" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const part = join(baseDir, "chatsft_checkpoints/d32/model_000650.pt.part");
  const size = async () => (await Deno.stat(part).catch(() => undefined))?.size ?? 0;
  while (await size() < 20000) await new Promise((done) => setTimeout(done, 5));
  child.kill("SIGKILL");
  await child.status;
  await assertRejects(() => findCheckpoint(baseDir, { source: "sft" }));
  assertEquals(await Deno.stat(join(baseDir, "tokenizer")).catch(() => "none"), "none");

  hub.piece = 1 << 16;
  hub.pace = 0;
  hub.seen.length = 0;
  await pull(NAME);
  assertEquals(
    await Deno.readFile(join(baseDir, "chatsft_checkpoints/d32/model_000650.pt")),
    MODEL,
  );
  const rest = hub.seen.filter(({ path }) => path.startsWith("/cdn") && path.endsWith("650.pt"));
  assertEquals(rest.length, 1);
  assert(rest[0].range !== null);
});

Deno.test("what was pushed since the break is fetched from its start", async () => {
  await using world = await hubWith({ [NAME]: AT_ROOT });
  const { hub, pull, baseDir } = world;
  // Meta, tokenizer, token bytes, model.
  hub.mischief.push(...Array(3).fill({ ignoreRange: true }), ...dropsAt(500));
  await assertRejects(() => pull(NAME), Error, "broke off at");
  const other = MODEL.slice();
  other[1000] ^= 1;
  hub.addModel(NAME, { ...AT_ROOT, "model_000650.pt": other });
  await pull(NAME);
  assertEquals(
    await Deno.readFile(join(baseDir, "chatsft_checkpoints/d32/model_000650.pt")),
    other,
  );
});

Deno.test("a mirror that sends other bytes than it lists is noticed", async () => {
  await using world = await hubWith({ [NAME]: AT_ROOT });
  const { hub, pull, notes } = world;
  hub.addModel(NAME, { ...AT_ROOT, "model_000650.pt": MODEL.slice(0, -1) });
  const listed = await (await fetch(`${hub.url}/api/models/${NAME}`)).json();
  const file = listed.siblings.find(({ rfilename }: { rfilename: string }) =>
    rfilename === "model_000650.pt"
  );
  file.size = MODEL.length;
  hub.answerJson(`/api/models/${NAME}`, listed);
  // It redirects nowhere and gives no checksum of its own.
  hub.addFile(`/${NAME}/resolve/${listed.sha}/model_000650.pt`, MODEL.slice(0, -1));
  await assertRejects(() => pull(NAME), Error, "came damaged");
  const damaged = MODEL.slice();
  damaged[9] ^= 1;
  hub.addFile(`/${NAME}/resolve/${listed.sha}/model_000650.pt`, damaged);
  await assertRejects(() => pull(NAME), Error, "came damaged");
  assert(notes.some((note) => note.includes("came damaged; trying again")));
});

Deno.test("a model that does not fit on the disk is told before it is fetched", async () => {
  await using world = await hubWith({ [NAME]: AT_ROOT });
  const { hub, pull, files } = world;
  const listed = await (await fetch(`${hub.url}/api/models/${NAME}`)).json();
  for (const file of listed.siblings) if (file.rfilename.startsWith("model")) file.size = 2 ** 52;
  hub.answerJson(`/api/models/${NAME}`, listed);
  await assertRejects(() => pull(NAME), Error, "4500 TB are to come, and ");
  assertEquals(await files(), []);
});

Deno.test("half a repository is named", async () => {
  const whole = { ...modelFiles("", METAS.sft), ...tokenizerIn("") };
  const { "meta_000010.json": _meta, ...noMeta } = whole;
  const { "model_000010.pt": _model, ...noModel } = whole;
  await using world = await hubWith({
    "a/no-meta": noMeta,
    "a/no-model": noModel,
    "a/no-tokenizer": modelFiles("", METAS.sft),
    "a/other-tokenizer": {
      ...whole,
      ...modelFiles("", {
        ...METAS.sft,
        model_config: { ...METAS.sft.model_config, vocab_size: 512 },
      }),
    },
    "a/bad-meta": { ...whole, "meta_000010.json": new TextEncoder().encode("{") },
    "a/no-config": { ...whole, "meta_000010.json": new TextEncoder().encode("{}") },
    "a/bad-tokenizer": { ...whole, "tokenizer.pkl": new TextEncoder().encode("no pickle") },
    "a/empty": {},
  });
  const { pull, baseDir, files, hub } = world;
  for (
    const [name, fault] of [
      ["no-meta", "a/no-meta: step 10 is incomplete: there is model_000010.pt but no meta file"],
      ["no-model", "a/no-model has no model of nanochat's"],
      ["no-tokenizer", "a/no-tokenizer has no tokenizer (tokenizer.pkl): place the one that its"],
      ["other-tokenizer", "has a model of 512 tokens and a tokenizer of"],
      ["bad-meta", "a/bad-meta/meta_000010.json: "],
      ["no-config", 'a/no-config/meta_000010.json: has no "model_config"'],
      ["bad-tokenizer", "tokenizer.pkl"],
      ["empty", "a/empty has no model of nanochat's"],
      ["none", `there is no model a/none on ${hub.url}, or it is private: check the name`],
    ]
  ) {
    const { message } = await assertRejects(() => pull(`a/${name}`), Error);
    assert(message.includes(fault), message);
    assertEquals(message.includes("\n"), false);
    assertEquals(await files(), []);
  }
  for (const name of ["nanochat", "a/b/c", "../b", "a/..", "a b/c", "", "https://x/y"]) {
    await assertRejects(() => pull(name), Error, "is no model on the hub: write OWNER/NAME");
  }
  hub.answerJson("/api/models/a/odd", { siblings: "none" });
  await assertRejects(() => pull("a/odd"), Error, "lists no files");
  // With the tokenizer placed by hand, the model comes.
  await Deno.mkdir(join(baseDir, "tokenizer"));
  await Deno.writeFile(join(baseDir, "tokenizer/tokenizer.pkl"), whole["tokenizer.pkl"]);
  await pull("a/no-tokenizer");
  assertEquals((await findCheckpoint(baseDir, { source: "sft" })).step, 10);
});

const reason = await whyNoSmallDisk();
Deno.test({
  name: "on a disk that is full there is no half of a checkpoint, and with room it goes on" +
    (reason ? ` (${reason})` : ""),
  ignore: reason !== undefined,
  fn: async () => {
    await using world = await hubWith({ [NAME]: AT_ROOT });
    const { hub, io, client } = world;
    // A mirror that tells no sizes beforehand.
    const listed = await (await fetch(`${hub.url}/api/models/${NAME}`)).json();
    for (const file of listed.siblings) delete file.size;
    hub.answerJson(`/api/models/${NAME}`, listed);
    await using disk = await SmallDisk.mount(4 << 20) as SmallDisk;
    const baseDir = disk.path;
    const choice = { source: undefined, tag: undefined, step: undefined, optimizer: false };
    const pull = () => runPull(NAME, choice, { ...io, baseDir }, client);
    const pages = Math.ceil(MODEL.length / PAGE);
    for (const free of [0, 2, 5, 9, 20, 100, pages, pages + 8]) {
      await disk.clear();
      await disk.leave(free);
      const error = await pull().then(() => undefined, (error) => error);
      if (error === undefined) assert(free > pages);
      else {
        assert(error instanceof UserError, error.stack);
        assert(error.message.includes("No space left on device"), error.message);
        assertEquals(error.message.includes("\n"), false);
        await assertRejects(() => findCheckpoint(baseDir, { source: "sft" }));
      }
      await Deno.remove(join(baseDir, "ballast"));
      await pull();
      const { model } = await findCheckpoint(baseDir, { source: "sft" });
      assertEquals(await Deno.readFile(model), MODEL);
    }
  },
});
