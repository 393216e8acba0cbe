/** What is refused on the way in, and that nothing is left then. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { runExport, runImport } from "../../lib/export/mod.ts";
import { smallEra, withSmall, world } from "./small_eras.ts";

type Json = Record<string, unknown>;

async function change(path: string, by: (json: Json) => unknown): Promise<void> {
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, JSON.stringify(by(JSON.parse(text))));
}

/** Says that a folder is refused, why, and that nothing came of it. */
async function assertRefused(hf: string, to: string, why: string): Promise<void> {
  const error = await assertRejects(() => runImport({ hf }, world(to).io), UserError, why);
  assert(!error.message.includes("\n"), error.message);
  for (const folder of ["base_checkpoints", "chatsft_checkpoints", "tokenizer"]) {
    const names = await Array.fromAsync(Deno.readDir(join(to, folder)), ({ name }) => name)
      .catch(() => []);
    assertEquals(names, [], why);
  }
}

const CLASS_FAULTS: [Json, string][] = [
  [{ model_type: "llama" }, `is of a model of type "llama"`],
  [{ model_type: undefined }, "is of a model of type none"],
  [{ hidden_act: "silu" }, 'hidden_act "silu", and nanochat computes with "relu2"'],
  [{ intermediate_size: 100 }, "intermediate_size 100"],
  [{ attention_bias: true }, "attention_bias true"],
  [{ tie_word_embeddings: true }, "tie_word_embeddings true"],
  [{ rms_norm_eps: 1e-5 }, "rms_norm_eps"],
  [{ final_logit_softcapping: 30 }, "softcap 30 where nanochat has 15"],
  [{ final_logit_softcapping: null }, "softcap"],
  [{ rope_parameters: { rope_type: "default", rope_theta: 500000 } }, "rotaryBase 500000"],
  [{ rope_parameters: { rope_type: "yarn" } }, 'rotary embeddings of type "yarn"'],
  [{ head_dim: 4 }, "head_dim 4"],
  [{ attention_dropout: 0.1 }, "attention_dropout 0.1"],
  [{ vocab_size: 511 }, "tables of 511 rows"],
  [{ num_hidden_layers: 3 }, "differ"],
  [{ num_hidden_layers: 3, nanochat: { source: "base" } }, "lacks 6 parameters"],
  [{ num_hidden_layers: "2" }, `"num_hidden_layers" must be`],
  [{ hidden_size: 0 }, `"hidden_size" must be`],
  [{ nanochat: { vocab_size: 7 } }, "is of 7 tokens"],
  [{ num_key_value_heads: 2 }, "differ"],
];

Deno.test(
  "a folder of the class that computes what nanochat does not is refused",
  withSmall(smallEra("plain"), async (from, dir) => {
    const hf = join(dir, "hf"), path = join(hf, "config.json");
    await runExport({ hf, source: "base" }, world(from).io);
    const original = await Deno.readTextFile(path);
    for (const [fault, why] of CLASS_FAULTS) {
      await change(path, (json) => ({ ...json, ...fault }));
      await assertRefused(hf, join(dir, "to"), why);
      await Deno.writeTextFile(path, original);
    }
    await runImport({ hf }, world(join(dir, "to")).io);
  }),
);

const OWN_FAULTS: [Json, string][] = [
  [{ smear: false }, "has 2 that the model lacks"],
  [{ backout: "yes" }, `"backout" must be true or false`],
  [{ qk_scale: 1.15 }, "qkScale 1.15 where nanochat has 1.2"],
  [{ rotary_base: 10000 }, "rotaryBase 10000"],
  [{ rotary_rounding: "float16" }, `"rotary_rounding" must be one of float32, bfloat16`],
  [{ rotary_rounding: "bfloat16" }, "rotaryRounding"],
  [{ window_rule: "third" }, `windows "third" where nanochat has "quarter"`],
  [{ window_rule: "fifth" }, `"window_rule" must be one of`],
  [{ window_pattern: "SLX" }, `"window_pattern" must be letters L and S`],
  [{ window_pattern: "SSL" }, "differ"],
  [{ value_gate_channels: 32 }, "ve_gate"],
  [{ value_gate_scale: 2 }, "valueGate"],
  [{ final_logit_softcapping: 20 }, "softcap 20 where nanochat has 15"],
  [{ bigram: true }, "lacks"],
  [{ padded_vocab_size: undefined }, `"padded_vocab_size" must be`],
];

Deno.test(
  "a folder of the class of an export that says what nanochat does not is refused",
  withSmall(smallEra("newest"), async (from, dir) => {
    const hf = join(dir, "hf"), path = join(hf, "config.json");
    await runExport({ hf, source: "sft" }, world(from).io);
    const original = await Deno.readTextFile(path);
    for (const [fault, why] of OWN_FAULTS) {
      await change(path, (json) => ({ ...json, ...fault }));
      await assertRefused(hf, join(dir, "to"), why);
      await Deno.writeTextFile(path, original);
    }
  }),
);

Deno.test(
  "a folder with a file missing or damaged is refused",
  withSmall(smallEra("plain"), async (from, dir) => {
    const hf = join(dir, "hf"), to = join(dir, "to");
    await assertRefused(hf, to, "holds no config.json");
    await runExport({ hf, source: "base" }, world(from).io);
    const weights = join(hf, "model.safetensors"), index = join(hf, "model.safetensors.index.json");
    const bytes = await Deno.readFile(weights);
    await Deno.writeFile(weights, bytes.subarray(0, bytes.length - 5));
    await assertRefused(hf, to, "is cut short");
    await Deno.remove(weights);
    await assertRefused(hf, to, "no such file");
    await Deno.writeTextFile(index, "{}");
    await assertRefused(hf, to, `has no "weight_map"`);
    await Deno.writeTextFile(index, `{"weight_map": {"x": "../x.safetensors"}}`);
    await assertRefused(hf, to, `has no "weight_map"`);
    await Deno.writeFile(weights, bytes);
    await Deno.writeTextFile(index, `{"weight_map": {"x": "model.safetensors"}}`);
    await assertRefused(hf, to, "in no file");
    await Deno.remove(index);
    const tokenizer = join(hf, "tokenizer.json");
    await Deno.rename(tokenizer, tokenizer + ".old");
    await assertRefused(hf, to, "holds no tokenizer.json");
    await Deno.writeTextFile(tokenizer, "{");
    await assertRefused(hf, to, "JSON");
    await Deno.rename(tokenizer + ".old", tokenizer);
    await Deno.writeTextFile(join(hf, "config.json"), "[]");
    await assertRefused(hf, to, "of type none");
  }),
);

Deno.test(
  "a folder that transformers saved anew, which has keys of its own and no word of nanochat",
  withSmall(smallEra("padded"), async (from, dir) => {
    const hf = join(dir, "hf"), to = join(dir, "to");
    await runExport({ hf, source: "sft" }, world(from).io);
    await change(join(hf, "config.json"), ({ nanochat: _, rms_norm_eps: __, ...json }) => ({
      ...json,
      transformers_version: "5.3.0",
      rope_parameters: undefined,
      rope_theta: 10000.0,
      dtype: "float32",
    }));
    await assertRejects(
      () => runImport({ hf }, world(to).io),
      UserError,
      "does not say whether it is a base model",
    );
    const { io, console } = world(to);
    await runImport({ hf, source: "rl", tag: "mine" }, io);
    assert(console.stderr.includes("rms_norm_eps 1e-6"), console.stderr);
    const model = join(to, "chatrl_checkpoints/mine/model_000000.pt");
    assertEquals(console.stdout, `Imported as ${model}\n`);
    using file = await openTorchFile(model);
    assert((file.root as Map<string, unknown>).has("transformer.h.1.mlp.c_proj.weight"));
    const meta = await Deno.readTextFile(join(to, "chatrl_checkpoints/mine/meta_000000.json"));
    // A nanochat from before windows knows no other keys.
    assertEquals(Object.keys(JSON.parse(meta).model_config).length, 6);
  }),
);

Deno.test(
  "nothing is written over: a tag that is taken, another tokenizer, a folder with files",
  withSmall(smallEra("plain"), async (from, dir) => {
    const hf = join(dir, "hf"), to = join(dir, "to");
    const options = { source: "base" } as const;
    await Deno.mkdir(hf); // An empty folder makes way.
    await runExport({ hf, ...options }, world(from).io);
    for (const place of ["hf", "nanochat"] as const) {
      const again = () => runExport({ [place]: hf, ...options }, world(from).io);
      await assertRejects(again, UserError, "name a new or an empty folder");
    }
    const safetensors = join(hf, "config.json");
    const over = () => runExport({ safetensors, ...options }, world(from).io);
    await assertRejects(over, UserError, "is there already");
    const onFile = () => runExport({ hf: safetensors, ...options }, world(from).io);
    await assertRejects(onFile, UserError, "is no folder");

    await runImport({ hf }, world(to).io);
    await assertRejects(() => runImport({ hf }, world(to).io), UserError, "tag must be one that");
    // The same tokenizer is shared.
    await runImport({ hf, tag: "d3" }, world(to).io);
    await change(join(hf, "tokenizer.json"), (json) => {
      const [bos, user, ...more] = json.added_tokens as { id: number }[];
      return { ...json, added_tokens: [{ ...bos, id: user.id }, { ...user, id: bos.id }, ...more] };
    });
    const other = () => runImport({ hf, tag: "d4" }, world(to).io);
    await assertRejects(other, UserError, "is another tokenizer than the model's");
    const tags = await Array.fromAsync(Deno.readDir(join(to, "base_checkpoints")));
    assertEquals(tags.map(({ name }) => name).sort(), ["d2", "d3"]);
    // Nothing of what was broken off lies about.
    const names = await Array.fromAsync(Deno.readDir(dir));
    assertEquals(names.map(({ name }) => name).sort(), ["from", "hf", "to"]);
  }),
);

Deno.test(
  "an export that is broken off, or cannot be made, leaves nothing",
  withSmall(smallEra("newest"), async (from, dir) => {
    const hf = join(dir, "hf"), controller = new AbortController();
    const { io } = world(from);
    controller.abort();
    const stopped = { ...io, signal: controller.signal };
    await assertRejects(() => runExport({ hf, source: "sft" }, stopped), DOMException);
    const dtype = "float16";
    for (const place of ["hf", "nanochat", "safetensors"] as const) {
      await assertRejects(
        () => runExport({ [place]: hf, source: "sft", dtype }, io),
        UserError,
        "which is too large for float16",
      );
    }
    const names = await Array.fromAsync(Deno.readDir(dir));
    assertEquals(names.map(({ name }) => name), ["from"]);
  }),
);
