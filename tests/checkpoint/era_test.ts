/** Every architecture is recognised by its files, and what nanochat never had is refused by name. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describeEra, type Era, findEra, type Known } from "../../lib/checkpoint/mod.ts";
import { parseMeta } from "../../lib/checkpoint/meta.ts";
import { checkParameters } from "../../lib/checkpoint/state_dict.ts";
import type { StoredTensor } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { type ModelConfig, type ModelParts, parameterSpecs } from "../../lib/model/mod.ts";
import { FIRST } from "../model/first_parts.ts";

const config: ModelConfig = {
  sequenceLen: 64,
  vocabSize: 90,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 48,
  windowPattern: "SL",
};
const WITH_PATTERN = { model_config: { window_pattern: "SL" } };

const LAMBDAS: ModelParts = { ...FIRST, lambdas: true };
const WINDOWS: ModelParts = { ...LAMBDAS, windows: "half" };
const VALUES: ModelParts = { ...WINDOWS, valueGate: { channels: 32, scale: 2 }, softcap: 15 };
const BIGRAMS: ModelParts = { ...WINDOWS, valueGate: { channels: 32, scale: 2 }, bigram: true };
const THIRDS: ModelParts = { smear: false, backout: false, qkScale: 1.15, windows: "third" };
const NEWEST: ModelParts = { smear: true, backout: true };
const LATE_BASE = { ...WITH_PATTERN, user_config: { depth: 3, eval_tokens: 41943040 } };

/** A model's names and shapes, changed by `edit`. */
function shapesOf(
  parts: ModelParts,
  edit: (shapes: Map<string, { shape: number[] }>) => void = () => {},
): Map<string, { shape: number[] }> {
  const shapes = new Map(
    parameterSpecs(config, parts).map(({ name, shape }) => [name, { shape }]),
  );
  edit(shapes);
  return shapes;
}

function eraOf(parts: ModelParts, known: Known): Era {
  return findEra(shapesOf(parts), config, known, "m.pt");
}

Deno.test("each architecture is found from its names and shapes and its meta file", () => {
  const cases: [ModelParts, Known, string, ModelParts?, string[]?, string?][] = [
    [{ ...FIRST, paddedTables: false }, { meta: {} }, "of October 2025"],
    [FIRST, { meta: { model_config: {} } }, "of December 2025"],
    [LAMBDAS, { meta: { model_config: {} } }, "of January 2026", LAMBDAS, ["windowPattern"]],
    [WINDOWS, { meta: WITH_PATTERN }, "of January 2026"],
    [VALUES, { meta: WITH_PATTERN }, "of January to March 2026", VALUES, ["softcap"]],
    [VALUES, {}, "of January to March 2026", VALUES, ["windowPattern", "softcap"]],
    [VALUES, { meta: WITH_PATTERN, softcap: 15 }, "of January to March 2026"],
    [
      VALUES,
      { meta: WITH_PATTERN, softcap: 20 },
      "of March 2026",
      { ...VALUES, softcap: 20 },
    ],
    [
      VALUES,
      { meta: LATE_BASE },
      "of March 2026",
      { ...VALUES, softcap: 20, rotaryRounding: "float32" },
    ],
    // Tokens that a person had chosen before they were the default: tables were rounded then.
    [VALUES, { meta: LATE_BASE, softcap: 15 }, "of January to March 2026"],
    // As many tokens, but of a fine-tuning, which says nothing of the base model.
    [
      VALUES,
      { meta: { ...WITH_PATTERN, user_config: { init_lr_frac: 1, eval_tokens: 41943040 } } },
      "of January to March 2026",
      VALUES,
      ["softcap"],
    ],
    // What a run of this package wrote down.
    [
      VALUES,
      { meta: { ...WITH_PATTERN, user_config: { softcap: 20, rotary_rounding: "float32" } } },
      "of March 2026",
      { ...VALUES, softcap: 20, rotaryRounding: "float32" },
    ],
    [
      VALUES,
      { meta: { ...WITH_PATTERN, user_config: { softcap: 20 } }, softcap: 15 },
      "of January to March 2026",
    ],
    [BIGRAMS, { meta: WITH_PATTERN }, "of 27 January 2026"],
    [THIRDS, { meta: WITH_PATTERN }, "of March 2026"],
    // A pattern that was said.
    [LAMBDAS, { meta: {}, windowPattern: "ssl" }, "of January 2026", WINDOWS, [], "SSL"],
    [VALUES, { windowPattern: "S", softcap: 15 }, "of January to March 2026", VALUES, [], "S"],
    [WINDOWS, { meta: WITH_PATTERN, windowPattern: "SL" }, "of January 2026"],
    [NEWEST, { meta: WITH_PATTERN }, "since March 2026"],
    [NEWEST, { meta: WITH_PATTERN, softcap: 15 }, "since March 2026"],
    [NEWEST, { meta: { model_config: {} } }, "since March 2026", NEWEST, ["windowPattern"]],
  ];
  for (const [parts, known, when, wanted = parts, guessed = [], windowPattern = "SL"] of cases) {
    const era = { when, config: { ...config, windowPattern }, parts: wanted, guessed } as Era;
    assertEquals(eraOf(parts, known), era);
  }
});

Deno.test("one line says what is particular, and what was a guess", () => {
  const say = (parts: ModelParts, known: Known) =>
    describeEra(
      eraOf(parts, known),
      (guess) => guess === "softcap" ? "say so" : undefined,
    );
  assertEquals(
    say({ ...FIRST, paddedTables: false }, {}),
    "nanochat of October 2025: attention without end, no lambdas, no value embeddings, " +
      "no smear or backout, softcap 15, rotary tables in bfloat16",
  );
  assertEquals(
    say(VALUES, { meta: { model_config: {} } }),
    "nanochat of January to March 2026: windows of a half, value embeddings, gates of 32, " +
      "no smear or backout, softcap 15, rotary tables in bfloat16; " +
      "that it has no windows is a guess, for its meta file names no window pattern; " +
      "the softcap is a guess, for its files do not tell it from 20 (say so)",
  );
});

const first = (name: string) => `transformer.h.${name}`;
type Edit = (shapes: Map<string, { shape: number[] }>) => void;
const without = (...names: string[]): Edit => (shapes) => {
  for (const name of names) assert(shapes.delete(name), name);
};
const having = (shape: number[], ...names: string[]): Edit => (shapes) => {
  for (const name of names) shapes.set(name, { shape });
};
const gates = [0, 2].map((layer) => first(`${layer}.attn.ve_gate.weight`));
const values = [0, 2].map((layer) => `value_embeds.${layer}.weight`);

Deno.test("half of a part, a branch's design and what no nanochat had are refused by name", () => {
  const cases: [ModelParts, Edit, string, Known?][] = [
    [NEWEST, without("resid_lambdas"), "one of resid_lambdas and x0_lambdas but not both"],
    [LAMBDAS, without("x0_lambdas"), "one of resid_lambdas and x0_lambdas but not both"],
    [NEWEST, without("smear_lambda"), "one of smear_lambda and smear_gate.weight but not both"],
    [NEWEST, without("smear_gate.weight"), "but not both"],
    [BIGRAMS, without("bigram_lambdas"), "bigram_embed.embed.weight and bigram_lambdas"],
    [BIGRAMS, without("bigram_embed.embed.weight"), "but not both"],
    [VALUES, without(...gates), "one of value_embeds and attn.ve_gate.weight but not both"],
    [VALUES, without(...values), "but not both"],
    [VALUES, without(gates[1]), `lacks 1 parameters (${gates[1]})`],
    [NEWEST, without(values[0]), `lacks 1 parameters (${values[0]})`],
    [VALUES, having([128, 24], "value_embeds.1.weight"), '("value_embeds.1.weight")'],
    [VALUES, having([2, 32], first("1.attn.ve_gate.weight")), "has 1 that the model lacks"],
    [VALUES, having([2, 12], gates[1]), `${gates[1]} should be (2, 32), but is (2, 12)`],
    [VALUES, having([2, 16], gates[0]), "is (2, 16), but nanochat's gates read 12 or 32 channels"],
    [VALUES, having([2, 16], ...gates), "is (2, 16), but"],
    [VALUES, having([32], gates[0]), "is (32), but nanochat's"],
    [BIGRAMS, having([640, 48], "bigram_embed.embed.weight"), "should be (450, 48)"],
    [BIGRAMS, having([2], "bigram_lambdas"), "bigram_lambdas should be (3), but is (2)"],
    // Parts that never were together.
    [NEWEST, without("backout_lambda"), "gates of 12 channels, smear, and no nanochat had"],
    [NEWEST, without("smear_lambda", "smear_gate.weight"), "gates of 12 channels, backout, and"],
    [NEWEST, without("resid_lambdas", "x0_lambdas"), "has no lambdas, gates of 12 channels, smear"],
    [VALUES, without("resid_lambdas", "x0_lambdas"), "has no lambdas, gates of 32 channels, and"],
    [NEWEST, having([2, 32], ...gates), "has lambdas, gates of 32 channels, smear, backout, and"],
    [NEWEST, without(...gates, ...values), "has lambdas, smear, backout, and no nanochat"],
    [{ ...THIRDS, bigram: true }, () => {}, "gates of 12 channels, bigrams, and no nanochat"],
    [BIGRAMS, without(...gates, ...values), "has lambdas, bigrams, and no nanochat"],
    [FIRST, () => {}, "has a window_pattern, but no lambdas", { meta: WITH_PATTERN }],
    // Rows of tables.
    [FIRST, having([100, 48], "lm_head.weight"), "lm_head.weight should be (128, 48)"],
    [FIRST, having([192, 48], "transformer.wte.weight", "lm_head.weight"), "should be (128, 48)"],
    [
      { ...VALUES, paddedTables: false },
      () => {},
      "transformer.wte.weight should be (128, 48), but is (90, 48)",
    ],
    // Designs of branches, and names of nobody.
    [NEWEST, having([3], "v0_lambdas"), 'has 1 that the model lacks ("v0_lambdas"): value embed'],
    [LAMBDAS, having([9, 9], "value_embed_A.weight", "value_embed_B.weight"), "of the branch ve"],
    [LAMBDAS, having([128, 24], "value_embed.weight"), "of the branch ve"],
    [
      LAMBDAS,
      having([8, 48, 48], first("0.mlp.experts.w_up"), first("0.mlp.router.gate.weight")),
      "a mixture of experts, of the branches moe and moe3, which nanochat's main branch never had",
    ],
    [NEWEST, having([1], "extra\n"), 'has 1 that the model lacks ("extra\\n")'],
    [FIRST, having([3], "resid_lambdas.weight"), '("resid_lambdas.weight")'],
  ];
  for (const [parts, edit, message, known = {}] of cases) {
    const shapes = shapesOf(parts, edit);
    const { message: said } = assertThrows(() => {
      const { parts } = findEra(shapes, config, known, "m.pt");
      const tensors = shapes as unknown as ReadonlyMap<string, StoredTensor>;
      checkParameters(tensors, parameterSpecs(config, parts), "m.pt");
    }, UserError);
    assertStringIncludes(said, message);
    assert(said.startsWith("m.pt: ") && !said.includes("\n"), said);
  }
});

Deno.test("what is said against the parameters is refused", () => {
  const cases: [ModelParts, Known, string][] = [
    [NEWEST, { softcap: 20 }, "softcap must be 15 for m.pt, whose parameters tell it, but is 20"],
    [FIRST, { softcap: 20 }, "softcap must be 15"],
    [
      FIRST,
      { windowPattern: "SL" },
      "windowPattern must be left out for m.pt, which is from before",
    ],
    [
      WINDOWS,
      { meta: WITH_PATTERN, windowPattern: "SSL" },
      'windowPattern must be left out for m.pt, whose meta file has SL, but is "SSL"',
    ],
    [BIGRAMS, { softcap: 20 }, "softcap must be 15"],
    [NEWEST, { meta: { user_config: { softcap: 20 } } }, "its meta file has softcap 20"],
    [VALUES, { meta: { user_config: { softcap: "20" } } }, "must be a number above 0"],
    [VALUES, { meta: { user_config: { softcap: 0 } } }, "must be a number above 0"],
    [VALUES, { meta: { user_config: { rotary_rounding: "fp8" } } }, '"float32" or "bfloat16"'],
  ];
  for (const [parts, known, message] of cases) {
    assertThrows(() => eraOf(parts, known), UserError, message);
  }
});

Deno.test("a meta file of a branch is refused by name", () => {
  const sizes = { sequence_len: 8, vocab_size: 9, n_layer: 2, n_head: 2, n_kv_head: 1, n_embd: 4 };
  const model_config = { ...sizes, num_experts: 8, top_k: 2 };
  const read = () => parseMeta(JSON.stringify({ step: 1, model_config }), "meta.json");
  assertThrows(read, UserError, '"num_experts", "top_k": a mixture of experts');
});
