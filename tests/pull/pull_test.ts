/** Repositories of every shape come to their places, and open there. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { RunLock } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { hubBaseDir, type ImportModel, type PulledModel, pullForChat } from "../../lib/pull/mod.ts";
import {
  AT_ROOT,
  hubWith,
  json,
  META,
  METAS,
  MODEL,
  modelFiles,
  OPTIMIZER,
  OTHER_TOKENIZER,
  TOKENIZER,
  tokenizerIn,
} from "./small_models.ts";

const TOKENIZER_FILES = ["tokenizer/token_bytes.pt", "tokenizer/tokenizer.pkl"];
/** nanochat's names of a step in a folder. */
const step = (folder: string, number = 10) => {
  const digits = String(number).padStart(6, "0");
  return [`${folder}/meta_${digits}.json`, `${folder}/model_${digits}.pt`];
};

Deno.test("files at the root are of the kind that their meta file tells, and of the name's depth", async () => {
  const root = (meta: unknown) => ({ ...modelFiles("", meta), ...tokenizerIn("") });
  await using world = await hubWith({
    "o/nanochat-d32": root(METAS.sft),
    "o/nanochat-d26-sft": root(METAS.newestSft),
    "o/nanochat-D20-mid": root(METAS.mid),
    "o/nanochat-rl": root(METAS.rl),
    "o/decoderstack_d24": root(METAS.base),
    "o/d4x": root({ ...META, run_state: {} }),
  });
  const { pull, files, console } = world;
  for (
    const [name, source, tag, folder, because] of [
      ["nanochat-d32", "sft", "d32", "chatsft", "has no user_config"],
      ["nanochat-d26-sft", "sft", "d26", "chatsft", "has a window_pattern and no sizes"],
      ["nanochat-D20-mid", "mid", "d20", "mid", "has neither a window_pattern nor sizes"],
      ["nanochat-rl", "rl", "nanochat-rl", "chatrl", "has no step"],
      ["decoderstack_d24", "base", "d24", "base", "has the sizes of pretraining's batches"],
      ["d4x", "sft", "d4x", "chatsft", "has a run's state"],
    ]
  ) {
    const [model, ...more] = await pull(`o/${name}`);
    assertEquals([model.source, model.tag, model.step, more.length], [source, tag, 10, 0]);
    const there = await files();
    for (const file of step(`${folder}_checkpoints/${tag}`)) assert(there.includes(file), file);
    assertStringIncludes(console.stdout, `taken for ${source}, for its meta file ${because}`);
    assertEquals(
      console.lines.at(-1),
      `o/${name}: ${source} model ${tag}, step 10, in ${model.directory}`,
    );
  }
});

Deno.test("a kind and a tag that are said count for more", async () => {
  await using world = await hubWith({ "o/nanochat-d32": AT_ROOT });
  const { pull, files } = world;
  await pull("o/nanochat-d32", { source: "rl", tag: "mine" });
  assertEquals(await files(), [...step("chatrl_checkpoints/mine", 650), ...TOKENIZER_FILES]);
});

const BASE_DIRECTORY = {
  ...modelFiles("base_checkpoints/d20", METAS.base, 21400),
  ...modelFiles("mid_checkpoints/d20", METAS.mid, 765),
  ...modelFiles("chatsft_checkpoints/d20", METAS.sft, 700),
  ...modelFiles("chatsft_checkpoints/d20", METAS.sft, 80),
  ...modelFiles("chatsft_checkpoints/d12", METAS.sft, 5),
  "chatsft_checkpoints/d20/optim_000700_rank0.pt": OPTIMIZER,
  "chatsft_checkpoints/d20/optim_000700_rank1.pt": OPTIMIZER,
  "mid_checkpoints/d20/optim_000765.pt": OPTIMIZER,
  ...tokenizerIn("tokenizer"),
  "report/report.md": json("a report"),
};

Deno.test("of a whole base directory comes the last step of every kind of the deepest model", async () => {
  await using world = await hubWith({ "o/cache": BASE_DIRECTORY });
  const { pull, files, console } = world;
  await pull("o/cache");
  assertEquals(await files(), [
    ...step("base_checkpoints/d20", 21400),
    ...step("chatsft_checkpoints/d20", 700),
    ...step("mid_checkpoints/d20", 765),
    ...TOKENIZER_FILES,
  ]);
  assertStringIncludes(console.stdout, "o/cache has other models too: d12");
  assertStringIncludes(console.stdout, "The optimizer's state of sft d20 is left out: 2.4");
  assertEquals(console.stdout.includes("taken for"), false);
});

Deno.test("a kind, a tag, a step and the optimizer's state are chosen", async () => {
  await using world = await hubWith({ "o/cache": BASE_DIRECTORY });
  const { pull, files } = world;
  await pull("o/cache", { source: "sft", step: 80 });
  await pull("o/cache", { tag: "d12" });
  await pull("o/cache", { source: "mid", optimizer: true });
  await pull("o/cache", { source: "sft", optimizer: true });
  const folder = "chatsft_checkpoints";
  assertEquals(await files(), [
    ...step(`${folder}/d12`, 5),
    ...[`${folder}/d20/meta_000080.json`, `${folder}/d20/meta_000700.json`],
    ...[`${folder}/d20/model_000080.pt`, `${folder}/d20/model_000700.pt`],
    ...[`${folder}/d20/optim_000700_rank0.pt`, `${folder}/d20/optim_000700_rank1.pt`],
    ...step("mid_checkpoints/d20", 765),
    "mid_checkpoints/d20/optim_000765.pt",
    ...TOKENIZER_FILES,
  ]);
  await assertRejects(
    () => pull("o/cache", { source: "rl" }),
    Error,
    "has no rl model; it has base d20",
  );
  await assertRejects(() => pull("o/cache", { tag: "d9" }), Error, 'has no model "d9"; it has');
  await assertRejects(() => pull("o/cache", { step: 9 }), Error, "has no step 9; it has");
});

Deno.test("folders of other shapes are found with the tokenizer that is nearest", async () => {
  await using world = await hubWith({
    "o/tags": {
      ...modelFiles("d20", METAS.base, 0),
      ...tokenizerIn("d20"),
      ...modelFiles("d8", METAS.base, 0),
      ...tokenizerIn("d8/tokenizer", OTHER_TOKENIZER),
    },
    "o/deep-d6": {
      ...modelFiles("out/nanochat/sft_checkpoints/d6", METAS.newestSft, 3),
      ...tokenizerIn("out/nanochat/tokenizer"),
      ...tokenizerIn("old", OTHER_TOKENIZER),
    },
    "o/experiment": {
      ...modelFiles("experiments/x/d7/rl", METAS.rl, 60),
      "meta.json": json({}),
      "experiments/vocabulary/tokenizer.pkl": TOKENIZER.pkl,
    },
    "o/own-d5": {
      "step_7_model.pt": MODEL,
      "step_7_meta.json": json({ ...METAS.newestSft, step: 7, run_state: {} }),
      "step_7_optimizer.pt": OPTIMIZER,
      ...tokenizerIn(""),
    },
  });
  const { pull, files } = world;
  await pull("o/tags");
  await pull("o/deep-d6");
  await pull("o/experiment");
  await pull("o/own-d5", { optimizer: true });
  assertEquals(await files(), [
    ...step("base_checkpoints/d20", 0),
    ...step("chatrl_checkpoints/d7", 60),
    ...step("chatsft_checkpoints/d5", 7),
    "chatsft_checkpoints/d5/optim_000007_rank0.pt",
    ...step("chatsft_checkpoints/d6", 3),
    ...TOKENIZER_FILES,
  ]);
});

Deno.test("names in a repository never lead out of the base directory", async () => {
  await using world = await hubWith({
    "o/d2": {
      ...modelFiles("../../outside/d9", METAS.base),
      ...modelFiles("base_checkpoints/..", METAS.base),
      ...modelFiles("/etc/d9", METAS.base),
      ...modelFiles("a\\..\\d9", METAS.base),
      ...modelFiles(".hidden", METAS.base),
      ...modelFiles("d9\n", METAS.base),
      ...modelFiles("d2 (new)", METAS.base),
      ...tokenizerIn(""),
    },
  });
  const { pull, files, baseDir } = world;
  await pull("o/d2");
  assertEquals(await files(), [...step("base_checkpoints/d2 (new)"), ...TOKENIZER_FILES]);
  assertEquals([...Deno.readDirSync(join(baseDir, ".pull"))].map(({ name }) => name), [".lock"]);
});

Deno.test("another tokenizer than the base directory's is refused before the model comes", async () => {
  const other = { ...AT_ROOT, ...tokenizerIn("", OTHER_TOKENIZER) };
  await using world = await hubWith({ "o/d32": AT_ROOT, "o/other-d20": other });
  const { pull, files, baseDir, hub } = world;
  await pull("o/d32");
  const before = await files();
  hub.seen.length = 0;
  const { message } = await assertRejects(() => pull("o/other-d20"), Error);
  assertStringIncludes(
    message,
    `${join(baseDir, "tokenizer")} is another tokenizer than that of o/other-d20`,
  );
  assertStringIncludes(message, `NANOCHAT_BASE_DIR=${hubBaseDir(baseDir, "o/other-d20")}`);
  assertEquals(await files(), before);
  assertEquals(hub.seen.filter(({ path }) => path.endsWith("model_000650.pt")), []);
});

Deno.test("what is there already stays and is not fetched again; another model is refused", async () => {
  await using world = await hubWith({ "o/d32": AT_ROOT });
  const { pull, baseDir, hub, console } = world;
  await pull("o/d32");
  hub.seen.length = 0;
  await pull("o/d32");
  assertEquals(hub.seen.filter(({ path }) => path.endsWith("model_000650.pt")), []);
  assertStringIncludes(console.stdout, "o/d32 is there already");

  const folder = join(baseDir, "chatsft_checkpoints/d32");
  const refused = "is of another model than o/d32's: give this one another tag";
  hub.addModel("o/d32", { ...AT_ROOT, "meta_000650.json": json({ ...METAS.sft, val_loss: 2 }) });
  await assertRejects(() => pull("o/d32"), Error, `meta_000650.json ${refused}`);
  hub.addModel("o/d32", AT_ROOT);
  const changed = MODEL.slice();
  changed[500] ^= 1;
  await Deno.writeFile(join(folder, "model_000650.pt"), changed);
  await assertRejects(() => pull("o/d32"), Error, `model_000650.pt ${refused}`);
  await Deno.writeFile(join(folder, "step_650_meta.json"), json({}));
  await assertRejects(() => pull("o/d32"), Error, `step_650_meta.json ${refused}`);
  await pull("o/d32", { tag: "fresh" });
});

Deno.test("a folder that a run writes into is left to it", async () => {
  await using world = await hubWith({ "o/d32": AT_ROOT });
  const { pull, baseDir, files } = world;
  {
    await using _run = await RunLock.acquire(join(baseDir, "chatsft_checkpoints/d32"));
    await assertRejects(() => pull("o/d32"), Error, "is writing a run there");
  }
  await pull("o/d32");
  assertEquals((await files()).length, 4);
});

Deno.test("a transformers model is handed to what imports it, or refused before it comes", async () => {
  const repository = {
    "README.md": json("a card"),
    "config.json": json({ model_type: "nanochat" }),
    "model-00001-of-00002.safetensors": MODEL,
    "model-00002-of-00002.safetensors": OPTIMIZER,
    "model.safetensors.index.json": json({}),
    "tokenizer.json": json({}),
    "modeling_nanochat.py": json("no code of others"),
  };
  await using world = await hubWith({ "o/chat-d20-hf": repository });
  const { pull, hub, baseDir } = world;
  await assertRejects(
    () => pull("o/chat-d20-hf"),
    Error,
    "o/chat-d20-hf holds a model of the transformers",
  );
  assertEquals(hub.fileRequests, []);
  const seen: unknown[] = [];
  const importModel: ImportModel = async ({ hf, otherwise, ...said }, { baseDir }) => {
    const { source, tag } = { ...otherwise, ...said.source && { source: said.source } };
    seen.push([...Deno.readDirSync(hf)].map(({ name }) => name).sort(), source, tag);
    const directory = join(baseDir, `chat${source}_checkpoints`, tag);
    await Deno.mkdir(directory, { recursive: true });
    for (const name of ["model_000000.pt", "meta_000000.json"]) {
      await Deno.writeTextFile(join(directory, name), "");
    }
    return { directory, tag, step: 0 };
  };
  const directory = join(baseDir, "chatsft_checkpoints/d20");
  const expected = [{ source: "sft", tag: "d20", step: 0, directory }];
  assertEquals(await pull("o/chat-d20-hf", {}, { importModel }), expected as PulledModel[]);
  const names = Object.keys(repository).filter((name) => !/README|py$/.test(name)).sort();
  assertEquals(seen, [names, "sft", "d20"]);
  // It is not made again, unless another kind is meant.
  hub.seen.length = 0;
  assertEquals(await pull("o/chat-d20-hf", {}, { importModel }), expected as PulledModel[]);
  assertEquals(hub.fileRequests, []);
  await pull("o/chat-d20-hf", { source: "rl" }, { importModel });
  assertEquals(seen.slice(3), [names, "rl", "d20"]);
});

Deno.test("a model to talk with has a base directory of its own, and is fetched once", async () => {
  await using world = await hubWith({
    "o/all": BASE_DIRECTORY,
    "o/base-d8": {
      ...modelFiles("base_checkpoints/d8", METAS.base),
      ...tokenizerIn("", OTHER_TOKENIZER),
    },
  });
  const { io, client, hub, baseDir, files, console } = world;
  const open = (name: string, selection = {}) => {
    const none = { source: undefined, tag: undefined, step: undefined };
    return pullForChat(name, { ...none, ...selection }, io, client);
  };
  const own = join(baseDir, "hub/o--all");
  assertEquals(await open("o/all"), { baseDir: own, source: "sft", tag: "d20" });
  assertEquals(await open("o/base-d8"), {
    baseDir: join(baseDir, "hub/o--base-d8"),
    source: "base",
    tag: "d8",
  });
  assertEquals(await files(), [
    ...step("hub/o--all/chatsft_checkpoints/d20", 700),
    ...TOKENIZER_FILES.map((path) => `hub/o--all/${path}`),
    ...step("hub/o--base-d8/base_checkpoints/d8"),
    ...TOKENIZER_FILES.map((path) => `hub/o--base-d8/${path}`),
  ]);
  hub.seen.length = 0;
  await open("o/all");
  assertEquals(hub.seen, []);
  assertEquals((await open("o/all", { source: "base" })).source, "base");
  assertEquals((await open("o/all", { tag: "d12" })).tag, "d12");
  // A fine-tuned model may have been pushed since; without the hub, what is here is talked with.
  const away = () => hub.listMischief.push(...Array(5).fill({ status: 502 }));
  away();
  assertEquals((await open("o/base-d8")).source, "base");
  assertStringIncludes(console.stderr, "going on with its base model d8, which is here");
  for (const selection of [{ source: "sft" }, { tag: "d9" }]) {
    away();
    await assertRejects(() => open("o/base-d8", selection), UserError, "502 Bad Gateway");
  }
});
