/** The files beside the weights in a folder for transformers. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import { type StoredModel, writeHfFolder } from "../../lib/export/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { fixture, openFixture } from "./models.ts";

/** A folder's files, by name. */
function withFolder(
  change: (model: StoredModel) => Partial<StoredModel>,
  options: Parameters<typeof writeHfFolder>[2],
  body: (read: (name: string) => Promise<string>, folder: string) => Promise<void>,
): () => Promise<void> {
  return () =>
    inTempDir(async (dir) => {
      using model = await openFixture(fixture("parity", "gqa_sliding"));
      const folder = join(dir, "hf");
      await writeHfFolder({ ...model, ...change(model) }, folder, options);
      await body((name) => Deno.readTextFile(join(folder, name)), folder);
    });
}

Deno.test(
  "a model of today brings its class along",
  withFolder(() => ({}), {}, async (read, folder) => {
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assertEquals(names.sort(), [
      "README.md",
      "config.json",
      "configuration_nanochat.py",
      "generation_config.json",
      "model.safetensors",
      "modeling_nanochat.py",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const config = JSON.parse(await read("config.json"));
    // Another name than transformers' own, for which that would take its own class.
    assertEquals(config.model_type, "nanochat_sft");
    for (const place of Object.values<string>(config.auto_map)) {
      const [module, name] = place.split(".");
      assertStringIncludes(await read(`${module}.py`), `class ${name}(`);
    }
    assertEquals(config.vocab_size, 300);
    assertEquals(config.padded_vocab_size, 320);
    assertEquals(config.nanochat.tag, "gqa_sliding");
    assertEquals(config.nanochat.step, 10);
    assertEquals(config.nanochat.meta.model_config.window_pattern, "SSSL");
    assertEquals(config.tie_word_embeddings, false);
  }),
);

Deno.test(
  "generation ends and samples as in nanochat",
  withFolder(() => ({}), {}, async (read) => {
    assertEquals(JSON.parse(await read("generation_config.json")), {
      bos_token_id: 4087,
      eos_token_id: [4091, 4087],
      pad_token_id: 4087,
      do_sample: true,
      temperature: 0.6,
      top_k: 50,
      max_new_tokens: 256,
    });
    const tokens = JSON.parse(await read("tokenizer_config.json"));
    assertEquals(
      [tokens.bos_token, tokens.eos_token, tokens.pad_token],
      ["<|bos|>", "<|assistant_end|>", "<|bos|>"],
    );
    assertEquals(tokens.model_max_length, 256);
  }),
);

for (const dtype of ["float32", "bfloat16", "float16", undefined] as const) {
  Deno.test(
    `weights and configuration say the same type: ${dtype ?? "the file's"}`,
    withFolder(() => ({}), { dtype }, async (read, folder) => {
      using file = await openSafetensors(join(folder, "model.safetensors"));
      const dtypes = new Set(file.tensors.values().map((tensor) => tensor.dtype));
      const { torch_dtype } = JSON.parse(await read("config.json"));
      if (dtype) assertEquals([...dtypes], [dtype]);
      // A loader makes all of them one type, which must hold each.
      assertEquals(torch_dtype, dtype ?? (dtypes.size === 1 ? [...dtypes][0] : "float32"));
    }),
  );
}

Deno.test(
  "the model card has the numbers of the meta file, as harmless text, and no license",
  withFolder(
    ({ meta, files }) => ({
      source: "sft",
      files: { ...files, tag: "my|model" },
      meta: {
        ...meta,
        val_bpb: 0.4321,
        chatcore_metric: 0.25,
        max_seq_len: 256,
        user_config: { run: "a | <b>\n# c", depth: 4, nothing: null, max_seq_len: 256 },
      },
    }),
    {},
    async (read) => {
      const card = await read("README.md");
      assert(card.startsWith("---\nlibrary_name: transformers\n"));
      assert(!/license/i.test(card));
      for (
        const words of [
          "# my\\|model\n",
          "chat model (sft)",
          "| val_bpb | 0.4321 |",
          "| chatcore_metric | 0.25 |",
          "| run | a \\| \\<b\\> # c |",
          "| depth | 4 |",
          "| max_seq_len | 256 |",
          "trust_remote_code=True",
          "apply_chat_template",
          "since March 2026",
        ]
      ) assertStringIncludes(card, words);
      assert(!card.includes("nothing"));
      // Both the meta file and its user_config have it.
      assertEquals(card.split("max_seq_len").length, 2);
    },
  ),
);
