/** Models of every kind go to other programs and come back as they were, every bit. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  findCheckpoint,
  openSafetensors,
  openTorchFile,
  readMeta,
} from "../../lib/checkpoint/disk/mod.ts";
import { bytesOf } from "../../lib/checkpoint/dtype.ts";
import {
  type CheckpointSource,
  readStateDict,
  type StoredTensor,
} from "../../lib/checkpoint/mod.ts";
import { importHf, openStored, runExport, runImport, writeHfFolder } from "../../lib/export/mod.ts";
import { SMALL_ERAS, smallEra, withSmall, world } from "./small_eras.ts";

/** Everything that a checkpoint says: its tensors' types, shapes and bytes, its meta, its parts. */
async function contentOf(baseDir: string, source: CheckpointSource) {
  const files = await findCheckpoint(baseDir, { source });
  const { raw, modelConfig } = await readMeta(files.meta);
  using file = await openTorchFile(files.model);
  const { tensors, era } = readStateDict(file, modelConfig, { meta: raw });
  const { run: _, run_state: __, saved: ___, ...meta } = raw;
  const { step, tag } = files;
  return { step, tag, meta, era, tensors: await bytesByName(tensors) };
}

async function bytesByName(tensors: ReadonlyMap<string, StoredTensor>) {
  const found: Record<string, unknown> = {};
  for (const [name, tensor] of tensors) {
    found[name] = [tensor.dtype, tensor.shape, bytesOf(await tensor.read())];
  }
  return found;
}

for (const era of SMALL_ERAS) {
  const { name, source } = era;
  Deno.test(
    `${name}: to transformers and back`,
    withSmall(era, async (from, dir) => {
      const before = await contentOf(from, source), hf = join(dir, "hf"), to = join(dir, "to");
      await runExport({ hf, source }, world(from).io);
      await runImport({ hf }, world(to).io);
      assertEquals(await contentOf(to, source), before);
      assertEquals(
        await Deno.readFile(join(to, "tokenizer/tokenizer.pkl")),
        await Deno.readFile(join(from, "tokenizer/tokenizer.pkl")),
      );
    }),
  );

  Deno.test(
    `${name}: in shards, each within its bound`,
    withSmall(era, async (from, dir) => {
      const before = await contentOf(from, source), hf = join(dir, "hf"), to = join(dir, "to");
      const shardBytes = 30_000;
      {
        using model = await openStored({ source }, from);
        await writeHfFolder(model, hf, { shardBytes });
      }
      const index = JSON.parse(await Deno.readTextFile(join(hf, "model.safetensors.index.json")));
      const files = [...new Set<string>(Object.values(index.weight_map))].sort();
      const count = String(files.length).padStart(5, "0");
      assert(files.length > 2);
      assertEquals(
        files,
        files.map((_, i) => `model-${String(i + 1).padStart(5, "0")}-of-${count}.safetensors`),
      );
      let total = 0;
      for (const name of files) {
        using file = await openSafetensors(join(hf, name));
        const bytes = file.tensors.values().reduce((sum, { byteLength }) => sum + byteLength, 0);
        assert(bytes <= shardBytes || file.tensors.size === 1);
        total += bytes;
      }
      assertEquals(index.metadata.total_size, total);
      await importHf({ hf }, world(to).io);
      assertEquals(await contentOf(to, source), before);
    }),
  );

  Deno.test(
    `${name}: as a base directory of nanochat`,
    withSmall(era, async (from, dir) => {
      const nanochat = join(dir, "to");
      await runExport({ nanochat, source }, world(from).io);
      assertEquals(await contentOf(nanochat, source), await contentOf(from, source));
      for (const name of ["tokenizer.pkl", "token_bytes.pt"]) {
        assertEquals(
          await Deno.readFile(join(nanochat, "tokenizer", name)),
          await Deno.readFile(join(from, "tokenizer", name)),
        );
      }
    }),
  );

  Deno.test(
    `${name}: as a file of safetensors`,
    withSmall(era, async (from, dir) => {
      const before = await contentOf(from, source), safetensors = join(dir, "new/x.safetensors");
      await runExport({ safetensors, source }, world(from).io);
      using file = await openSafetensors(safetensors);
      assertEquals(await bytesByName(file.tensors), before.tensors);
      assertEquals(file.metadata.get("format"), "pt");
      assertEquals(JSON.parse(file.metadata.get("parts")!).smear, before.era.parts.smear);
    }),
  );
}

Deno.test(
  "what a person said of the softcap comes back too",
  withSmall(smallEra("values"), async (from, dir) => {
    const hf = join(dir, "hf"), to = join(dir, "to"), nanochat = join(dir, "nanochat");
    await runExport({ hf, source: "mid", softcap: 20 }, world(from).io);
    await runImport({ hf }, world(to).io);
    await runExport({ nanochat, source: "mid", softcap: 20 }, world(from).io);
    for (const place of [to, nanochat]) {
      const { era } = await contentOf(place, "mid");
      assertEquals([era.parts.softcap, era.guessed], [20, ["windowPattern"]]);
    }
  }),
);

for (const name of ["values", "lambdas"]) {
  Deno.test(
    `${name}: what a person said of the window pattern comes back too`,
    withSmall(smallEra(name), async (from, dir) => {
      const { source } = smallEra(name), windowPattern = "SL";
      const hf = join(dir, "hf"), to = join(dir, "to"), nanochat = join(dir, "nanochat");
      await runExport({ hf, source, windowPattern }, world(from).io);
      await runImport({ hf }, world(to).io);
      await runExport({ nanochat, source, windowPattern }, world(from).io);
      for (const place of [to, nanochat]) {
        const { meta, era } = await contentOf(place, source);
        assertEquals((meta.model_config as Record<string, unknown>).window_pattern, "SL");
        assertEquals([era.parts.windows, era.guessed.includes("windowPattern")], ["half", false]);
      }
    }),
  );
}

Deno.test(
  "a window pattern that a person said comes back too",
  withSmall(smallEra("values"), async (from, dir) => {
    const hf = join(dir, "hf"), to = join(dir, "to"), nanochat = join(dir, "nanochat");
    const said = { source: "mid", windowPattern: "sl" } as const;
    await runExport({ hf, ...said }, world(from).io);
    await runImport({ hf }, world(to).io);
    await runExport({ nanochat, ...said }, world(from).io);
    for (const place of [to, nanochat]) {
      const { era, meta } = await contentOf(place, "mid");
      const { window_pattern } = Object(meta.model_config);
      assertEquals([window_pattern, era.config.windowPattern], ["SL", "SL"]);
      assertEquals(era.guessed, ["softcap"]);
    }
  }),
);

Deno.test(
  "a guess is said when a model is exported",
  withSmall(smallEra("values"), async (from, dir) => {
    const { io, console } = world(from);
    await runExport({ hf: join(dir, "hf"), source: "mid" }, io);
    assert(console.stderr.includes("the softcap is a guess"), console.stderr);
  }),
);
