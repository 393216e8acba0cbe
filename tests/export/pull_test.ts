/** A folder of transformers on the hub becomes a model of the base directory. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { findCheckpoint } from "../../lib/checkpoint/disk/mod.ts";
import { importHf, runExport } from "../../lib/export/mod.ts";
import { hubWith } from "../pull/small_models.ts";
import { smallEra, withSmall, world } from "./small_eras.ts";

for (const [name, source] of [["padded", "sft"], ["newest", "sft"], ["values", "mid"]] as const) {
  Deno.test(
    `${name}: a model of transformers is pulled, weights and tokenizer`,
    withSmall(smallEra(name), async (from, dir) => {
      const hf = join(dir, "hf");
      await runExport({ hf, source }, world(from).io);
      const files: Record<string, Uint8Array<ArrayBuffer>> = {};
      for await (const { name } of Deno.readDir(hf)) {
        files[name] = await Deno.readFile(join(hf, name));
      }
      await using hub = await hubWith({ "o/chat": files });
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
