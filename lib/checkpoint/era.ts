/**
 * Which of nanochat's architectures a model is of. Its files do not say so: it is found from the
 * names and shapes of its parameters, its meta file, and what a person knows.
 *
 * @module
 */
import { optionError, UserError } from "../errors.ts";
import { isRecord } from "../json.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { quote } from "./byte_reader.ts";
import { list } from "./layout.ts";

/** What a person may say of a model where its files do not. */
export interface Said {
  /** The cap of its logits. */
  softcap?: number;
  /** The window pattern that it was trained with, letters L and S. */
  windowPattern?: string;
}

/** What is known of a model beside its parameters. */
export interface Known extends Said {
  /** Its meta file, as parsed. */
  meta?: Readonly<Record<string, unknown>>;
}

/** What files may leave open, so that the likeliest is taken. */
export type Guess =
  /** Whether logits are capped at 15 or at 20. */
  | "softcap"
  /** Which window pattern the model was trained with. */
  | "windowPattern";

/** An architecture that nanochat had for a time. */
export interface Era {
  /** When, as `of October 2025`. */
  when: string;
  /** The model's sizes, with the window pattern that was said. */
  config: ModelConfig;
  /** What the model computes. */
  parts: ModelParts;
  /** What of it was not certain. */
  guessed: readonly Guess[];
}

/** Parameters by name; of each, its shape is looked at. */
export type Shapes = ReadonlyMap<string, { shape: readonly number[] }>;

/** What nanochat computed at first; it changed a part at a time. */
const FIRST: ModelParts = {
  smear: false,
  backout: false,
  lambdas: false,
  valueGate: null,
  rotaryBase: 10000,
  rotaryRounding: "bfloat16",
  qkScale: 1,
  windows: "none",
};
const WITH_LAMBDAS: ModelParts = { ...FIRST, lambdas: true, windows: "half" };
const WITH_VALUES: ModelParts = { ...WITH_LAMBDAS, valueGate: { channels: 32, scale: 2 } };

/** Every architecture by those of its parts that have parameters. */
const ERAS: ReadonlyMap<string, Pick<Era, "when" | "parts">> = new Map(
  Object.entries({
    "no lambdas": { when: "of October 2025", parts: FIRST },
    "lambdas": { when: "of January 2026", parts: WITH_LAMBDAS },
    "lambdas, gates of 32 channels": { when: "of January to March 2026", parts: WITH_VALUES },
    "lambdas, gates of 32 channels, bigrams": {
      when: "of 27 January 2026",
      parts: { ...WITH_VALUES, bigram: true },
    },
    "lambdas, gates of 12 channels": {
      when: "of March 2026",
      parts: { smear: false, backout: false, qkScale: 1.15, windows: "third" },
    },
    "lambdas, gates of 12 channels, smear, backout": {
      when: "since March 2026",
      parts: { smear: true, backout: true },
    },
  }),
);

/** Designs that were tried on branches of nanochat, by names that only they have. */
const BRANCHES: readonly [names: RegExp, design: string][] = [
  [
    /\.mlp\.(experts|router|shared\w*)\b|^(num_experts|top_k)$/,
    "a mixture of experts, of the branches moe and moe3",
  ],
  [/(^|\.)(v0_lambdas|value_embed(_[AB])?)(\.|$)/, "value embeddings of the branch ve"],
];

/** Parameters that make one part together. */
const PAIRS = [
  ["resid_lambdas", "x0_lambdas"],
  ["smear_lambda", "smear_gate.weight"],
  ["bigram_embed.embed.weight", "bigram_lambdas"],
] as const;

/** The cap of logits in the first days of March 2026. */
const LATE_SOFTCAP = 20;
/** Tokens of an evaluation at that time: of base models since 4 March 2026. */
const LATE_EVAL_TOKENS = 80 * 524288;

/**
 * Finds a model's architecture.
 *
 * @param tensors Its parameters, which need not be complete.
 * @param config Its sizes, as its meta file says them.
 * @param path What error messages call the model's file.
 * @throws {UserError} where half of a part is there, where no nanochat had these parts together, or
 * where what is said is not what the parameters tell.
 */
export function findEra(tensors: Shapes, config: ModelConfig, known: Known, path: string): Era {
  refuseBranches(tensors, path);
  const has = ownedParts(tensors, path);
  const era = ERAS.get(has.join(", "));
  if (era === undefined) {
    throw new UserError(
      `${path}: has ${has.join(", ")}, and no nanochat had these parts and no others`,
    );
  }
  const guessed: Guess[] = [];
  const parts = { ...era.parts };
  let { when } = era;
  if (parts.lambdas === false) {
    const rows = tensors.get("transformer.wte.weight")?.shape[0];
    if (rows !== config.vocabSize) when = "of December 2025";
    else if (rows % 64 !== 0) parts.paddedTables = false;
  }
  const windowPattern = findPattern(parts, config, known, path);
  if (windowPattern === undefined && parts.lambdas !== false) {
    // Such files are also of models that were trained with windows, which wrote none.
    guessed.push("windowPattern");
    if (parts.valueGate === null) parts.windows = "none";
  }
  if (isOpen(parts)) {
    const told = known.softcap ?? savedSoftcap(known, path);
    // Who says another cap says too that its tokens of evaluation are no sign of that time.
    const isLate = isOfLateBase(known) && (told ?? LATE_SOFTCAP) === LATE_SOFTCAP;
    if (told === undefined && !isLate) guessed.push("softcap");
    parts.softcap = told ?? (isLate ? LATE_SOFTCAP : NEWEST_PARTS.softcap);
    if (parts.softcap === LATE_SOFTCAP) when = "of March 2026";
    parts.rotaryRounding = savedRounding(known, path) ?? (isLate ? "float32" : "bfloat16");
  } else checkSoftcap(parts, known, path);
  return { when, config: windowPattern ? { ...config, windowPattern } : config, parts, guessed };
}

/** Whether an architecture is nanochat's newest; smear came last. */
export function isNewest({ parts }: Era): boolean {
  return parts.smear;
}

/**
 * What of a model's parts its parameters do not tell, for `user_config` in the meta file of a
 * checkpoint of it: {@link findEra} takes it from there.
 */
export function openParts(parts: ModelParts): Record<string, unknown> {
  const { softcap, rotaryRounding } = { ...NEWEST_PARTS, ...parts };
  return isOpen(parts) ? { softcap, rotary_rounding: rotaryRounding } : {};
}

/**
 * An architecture for a person: `nanochat of October 2025: no windows, …`.
 *
 * @param advice What may be said of a guess, such as what to do where it is wrong.
 */
export function describeEra(
  { when, config, parts, guessed }: Era,
  advice: (guess: Guess) => string | undefined = () => undefined,
): string {
  const { lambdas, windows, valueGate, bigram, smear, softcap, rotaryRounding } = {
    ...NEWEST_PARTS,
    ...parts,
  };
  const facts = [
    windows === "none"
      ? "attention without end"
      : config.windowPattern.includes("S")
      ? `windows of a ${windows}`
      : "full attention",
    ...lambdas ? [] : ["no lambdas"],
    valueGate ? `value embeddings, gates of ${valueGate.channels}` : "no value embeddings",
    ...bigram ? ["bigram embeddings"] : [],
    smear ? "smear and backout" : "no smear or backout",
    `softcap ${softcap}`,
    `rotary tables in ${rotaryRounding}`,
  ];
  const guesses = guessed.map((guess) => {
    const advised = advice(guess);
    return `; ${GUESSES[guess]}${advised === undefined ? "" : ` (${advised})`}`;
  });
  return `nanochat ${when}: ${facts.join(", ")}${guesses.join("")}`;
}

/** What is said of a guess. */
const GUESSES: Readonly<Record<Guess, string>> = {
  softcap: "the softcap is a guess, for its files do not tell it from 20",
  windowPattern: "that it has no windows is a guess, for its meta file names no window pattern",
};

/** Whether the parameters are of several architectures, which differ in softcap and rounding. */
function isOpen({ valueGate, bigram }: ModelParts): boolean {
  return valueGate?.channels === 32 && bigram !== true;
}

/** The design that was never on nanochat's main branch and that a name is of, in words. */
export function branchDesign(name: string): string | undefined {
  const found = BRANCHES.find(([names]) => names.test(name));
  return found && `${found[1]}, which nanochat's main branch never had`;
}

/** Refuses what was never on nanochat's main branch. */
function refuseBranches(tensors: Shapes, path: string): void {
  const names = [...tensors.keys()].filter((name) => branchDesign(name) !== undefined);
  if (names.length === 0) return;
  throw new UserError(
    `${path}: has ${names.length} that the model lacks (${list(names.map(quote))}): ` +
      branchDesign(names[0]),
  );
}

/** The parts that have parameters, as the keys of {@link ERAS} have them. */
function ownedParts(tensors: Shapes, path: string): string[] {
  for (const pair of PAIRS) {
    if (pair.filter((name) => tensors.has(name)).length === 1) throw half(path, ...pair);
  }
  const names = [...tensors.keys()];
  const gates = names.filter((name) => name.endsWith(".attn.ve_gate.weight"));
  const values = names.filter((name) => name.startsWith("value_embeds."));
  if ((gates.length === 0) !== (values.length === 0)) {
    throw half(path, "value_embeds and attn.ve_gate.weight");
  }
  for (const name of gates) {
    const { shape } = tensors.get(name)!;
    if (shape[1] === 12 || shape[1] === 32) continue;
    throw new UserError(
      `${path}: ${name} is (${shape.join(", ")}), but nanochat's gates read 12 or 32 channels`,
    );
  }
  return [
    tensors.has("resid_lambdas") ? "lambdas" : "no lambdas",
    ...gates.slice(0, 1).map((name) => `gates of ${tensors.get(name)!.shape[1]} channels`),
    ...tensors.has("bigram_lambdas") ? ["bigrams"] : [],
    ...tensors.has("smear_lambda") ? ["smear"] : [],
    ...tensors.has("backout_lambda") ? ["backout"] : [],
  ];
}

function half(path: string, ...parts: string[]): UserError {
  return new UserError(`${path}: holds one of ${parts.join(" and ")} but not both`);
}

/** The window pattern that the meta file has or that was said; undefined for none. */
function findPattern(
  parts: ModelParts,
  config: ModelConfig,
  { meta, windowPattern }: Known,
  path: string,
): string | undefined {
  const said = windowPattern?.toUpperCase();
  const stored = isRecord(meta?.model_config)
    ? meta.model_config.window_pattern ?? undefined
    : undefined;
  const refuse = (why: string) =>
    optionError("windowPattern", `left out for ${path}, ${why}`, said);
  if (parts.lambdas === false) {
    if (stored !== undefined) {
      throw new UserError(`${path}: has a window_pattern, but no lambdas, which are older`);
    }
    if (said !== undefined) throw refuse("which is from before there were windows");
  } else if (stored !== undefined) {
    if (said !== undefined && said !== config.windowPattern) {
      throw refuse(`whose meta file has ${config.windowPattern}`);
    }
    return config.windowPattern;
  }
  return said;
}

function userConfig({ meta }: Known): Record<string, unknown> {
  return isRecord(meta?.user_config) ? meta.user_config : {};
}

/** Whether the meta file is of a base model that was trained under a softcap of 20. */
function isOfLateBase(known: Known): boolean {
  const user = userConfig(known);
  return user.eval_tokens === LATE_EVAL_TOKENS && "depth" in user;
}

/** The softcap that the run which saved the model was told. */
function savedSoftcap(known: Known, path: string): number | undefined {
  const { softcap } = userConfig(known);
  if (softcap === undefined || softcap === null) return undefined;
  if (typeof softcap === "number" && Number.isFinite(softcap) && softcap > 0) return softcap;
  throw new UserError(`${path}: the "softcap" of its meta file must be a number above 0`);
}

/** The rounding that a run went by, where it was saved by this package. */
function savedRounding(known: Known, path: string): ModelParts["rotaryRounding"] {
  const { rotary_rounding: rounding } = userConfig(known);
  if (rounding === undefined || rounding === "float32" || rounding === "bfloat16") return rounding;
  throw new UserError(
    `${path}: the "rotary_rounding" of its meta file must be "float32" or "bfloat16"`,
  );
}

/** Refuses to be told another softcap than a model has whose parameters tell it. */
function checkSoftcap(parts: ModelParts, known: Known, path: string): void {
  const { softcap } = { ...NEWEST_PARTS, ...parts };
  if (known.softcap !== undefined && known.softcap !== softcap) {
    const wanted = `${softcap} for ${path}, whose parameters tell it`;
    throw optionError("softcap", wanted, known.softcap);
  }
  const saved = savedSoftcap(known, path);
  if (saved !== undefined && saved !== softcap) {
    throw new UserError(
      `${path}: its meta file has softcap ${saved}, but its parameters are of a model with ${softcap}`,
    );
  }
}
