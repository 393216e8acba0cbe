/** The folder of a model of 2025, which transformers' own class `nanochat` runs. */
import { assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { openSafetensors } from "../../lib/checkpoint/disk/mod.ts";
import { writeHfFolder } from "../../lib/export/mod.ts";
import { eraFolder, readEra } from "../model/eras.ts";
import { maxError } from "../model/parity.ts";
import { inTempDir } from "../temp_dir.ts";
import { openFixture } from "./models.ts";
import { pythonWithTorch, runPython } from "../python.ts";

const python = await pythonWithTorch();
const SCRIPT = fromFileUrl(new URL("run_class.py", import.meta.url));

for (const name of ["1-oct2025", "2-dec2025-padded"]) {
  Deno.test(`${name}, exported, has the names, shapes and constants of the class`, () =>
    inTempDir(async (dir) => {
      using model = await openFixture(eraFolder(name));
      const folder = join(dir, "hf");
      await writeHfFolder(model, folder);
      const { nEmbd: C, nHead, nKvHead, nLayer, vocabSize, sequenceLen } = model.config;
      const rows = name === "1-oct2025" ? vocabSize : 128, D = C / nHead;

      const text = await Deno.readTextFile(join(folder, "config.json"));
      const { nanochat, ...config } = JSON.parse(text);
      assertEquals(config, {
        architectures: ["NanoChatForCausalLM"],
        model_type: "nanochat",
        vocab_size: rows,
        hidden_size: C,
        intermediate_size: 4 * C,
        num_hidden_layers: nLayer,
        num_attention_heads: nHead,
        num_key_value_heads: nKvHead,
        max_position_embeddings: sequenceLen,
        hidden_act: "relu2",
        attention_bias: false,
        attention_dropout: 0,
        rms_norm_eps: 2 ** -23,
        rope_parameters: { rope_type: "default", rope_theta: 10000 },
        final_logit_softcapping: 15,
        initializer_range: 0.02,
        tie_word_embeddings: false,
        use_cache: true,
        torch_dtype: "float32",
        bos_token_id: 4087,
        eos_token_id: [4091, 4087],
        pad_token_id: null,
      });
      assertEquals(nanochat.vocab_size, vocabSize);
      // The class checks that a float is one.
      assertEquals(/"final_logit_softcapping": 15\.0,/.test(text), true);

      using file = await openSafetensors(join(folder, "model.safetensors"));
      assertEquals(file.metadata.get("format"), "pt");
      const layer = (i: number) =>
        Object.entries({
          "self_attn.q_proj": [nHead * D, C],
          "self_attn.k_proj": [nKvHead * D, C],
          "self_attn.v_proj": [nKvHead * D, C],
          "self_attn.o_proj": [C, nHead * D],
          "mlp.fc1": [4 * C, C],
          "mlp.fc2": [C, 4 * C],
        }).map(([name, shape]) => [`model.layers.${i}.${name}.weight`, shape]);
      assertEquals(
        Object.fromEntries(file.tensors.entries().map(([name, { shape }]) => [name, shape])),
        Object.fromEntries([
          ["model.embed_tokens.weight", [rows, C]],
          ["lm_head.weight", [rows, C]],
          ...Array.from({ length: nLayer }, (_, i) => layer(i)).flat(),
        ]),
      );

      const sampling = JSON.parse(await Deno.readTextFile(join(folder, "generation_config.json")));
      const padding = Array.from({ length: rows - vocabSize }, (_, i) => vocabSize + i);
      assertEquals(sampling.suppress_tokens, padding.length > 0 ? padding : undefined);
    }));

  Deno.test({
    name: `${name}, exported: the class computes nanochat's logits`,
    ignore: python === undefined,
    fn: () =>
      inTempDir(async (dir) => {
        const { numbers } = await readEra(name);
        using model = await openFixture(eraFolder(name));
        const folder = join(dir, "hf"), request = join(dir, "request.json");
        await writeHfFolder(model, folder);
        const [B, T] = numbers.shapes.get("x")!, x = Array.from(numbers.values.get("x")!);
        const ids = Array.from({ length: B }, (_, b) => x.slice(b * T, (b + 1) * T));
        await Deno.writeTextFile(request, JSON.stringify({ ids }));
        const logits: number[] = JSON.parse(await runPython(python!, SCRIPT, folder, request));
        // In float32 its rotary tables are not rounded.
        const wanted = numbers.values.get("f32_tables.logits")!, V = model.config.vocabSize;
        const columns = logits.length / (B * T);
        const cropped = logits.filter((_, i) => i % columns < V);
        assertEquals(cropped.length, wanted.length);
        assertLess(maxError(cropped, wanted), 1e-4);
      }),
  });
}
