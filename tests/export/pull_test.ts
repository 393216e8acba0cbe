/** A folder of transformers on the hub becomes a model of the base directory. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { findCheckpoint } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { checkImport, importHf, runExport } from "../../lib/export/mod.ts";
import { AT_ROOT, hubWith } from "../pull/small_models.ts";
import { smallEra, withSmall, world } from "./small_eras.ts";

/** The files of a folder by name. */
async function filesOf(folder: string): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for await (const { name } of Deno.readDir(folder)) {
    files[name] = await Deno.readFile(join(folder, name));
  }
  return files;
}

for (const [name, source] of [["padded", "sft"], ["newest", "sft"], ["values", "mid"]] as const) {
  Deno.test(
    `${name}: a model of transformers is pulled, weights and tokenizer`,
    withSmall(smallEra(name), async (from, dir) => {
      const hf = join(dir, "hf");
      await runExport({ hf, source }, world(from).io);
      await using hub = await hubWith({ "o/chat": await filesOf(hf) });
      const [model] = await hub.pull("o/chat", { tag: "mine" }, { importModel: importHf });
      assertEquals([model.source, model.tag, model.step], [source, "mine", 20]);
      const pulled = await findCheckpoint(hub.baseDir, { source, tag: "mine" });
      const original = await findCheckpoint(from, { source });
      assertEquals(await Deno.readFile(pulled.model), await Deno.readFile(original.model));
      assertEquals(
        await Deno.readFile(join(hub.baseDir, "tokenizer/tokenizer.pkl")),
        await Deno.readFile(join(from, "tokenizer/tokenizer.pkl")),
      );
    }),
  );
}

Deno.test(
  "what cannot be imported is refused before its weights are fetched",
  withSmall(smallEra("newest"), async (from, dir) => {
    const hf = join(dir, "hf");
    await runExport({ hf, source: "sft" }, world(from).io);
    const files = await filesOf(hf), json = new TextEncoder();
    const { "tokenizer.json": _, ...noTokenizer } = files;
    await using fetching = await hubWith({
      "o/newest": files,
      "o/llama": { ...noTokenizer, "config.json": json.encode('{"model_type":"llama"}') },
      "o/no-tokenizer": noTokenizer,
      "o/own-tokenizer": AT_ROOT,
    });
    const { hub, pull } = fetching;
    const io = { importModel: importHf, checkImport };
    const refuse = async (name: string, why: string, tag?: string) => {
      hub.seen.length = 0;
      await assertRejects(() => pull(name, { tag }, io), UserError, why);
      assertEquals(hub.seen.filter(({ path }) => path.endsWith(".safetensors")), []);
    };
    await refuse("o/llama", 'is of a model of type "llama"');
    await refuse("o/no-tokenizer", "holds no tokenizer.json");
    await pull("o/own-tokenizer");
    await refuse("o/newest", "is another tokenizer than the model's");
  }),
);
