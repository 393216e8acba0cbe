/**
 * The page that the Hub shows of a model, from what its files say.
 */
import { describeEra } from "../checkpoint/mod.ts";
import { harmless } from "../harmless.ts";
import { countParameters, parameterSpecs } from "../model/mod.ts";
import { fitsClass } from "./hf_config.ts";
import type { StoredModel } from "./stored_model.ts";

/** Numbers at the top of a meta file that are no measurements. */
const SETTINGS = ["step", "max_seq_len", "device_batch_size", "total_batch_size"];

/** The text of `README.md`. */
export function modelCard(model: StoredModel): string {
  const { config, parts, meta, files, source, era } = model;
  const { nLayer, nEmbd, vocabSize, sequenceLen } = config;
  const { total } = countParameters(parameterSpecs(config, parts));
  const kind = source === "base" ? "base model" : `chat model (${source})`;
  const isClass = fitsClass(parts);
  const raw = Object.entries(meta);
  const numbers = raw.filter(([, value]) => typeof value === "number");
  const measured = numbers.filter(([key]) => !SETTINGS.includes(key));
  const top = Object.fromEntries(numbers.filter(([key]) => SETTINGS.includes(key)));
  // Both have sizes of batches; those at the top are what the run had.
  const settings = Object.entries({ ...top, ...meta.user_config as object, ...top });
  const folder = "path/to/this/folder";
  const trusted = isClass ? "" : ", trust_remote_code=True";
  const remarks = isClass
    ? [
      "Transformers' own class `nanochat` runs it. nanochat trained it with rotary tables rounded " +
      "to bfloat16, as the class has them where the model is loaded in bfloat16.",
    ]
    : [
      "Transformers' own class `nanochat` lacks parts of this model: it is run by " +
      "`modeling_nanochat.py` of this folder, which is what `trust_remote_code` is about.",
    ];
  return [
    "---",
    "library_name: transformers",
    "pipeline_tag: text-generation",
    "tags:",
    "- nanochat",
    "---",
    "",
    `# ${text(files.tag)}`,
    "",
    `A [nanochat](https://github.com/karpathy/nanochat) ${kind}: ${nLayer} layers of ${nEmbd} ` +
    `channels, ${vocabSize} tokens, trained on rows of ${sequenceLen}; ` +
    `${total.toLocaleString("en-US")} parameters.`,
    "",
    ...remarks,
    "",
    `Its architecture: ${describeEra(era)}.`,
    "",
    "## Use",
    "",
    "```python",
    "from transformers import AutoModelForCausalLM, AutoTokenizer",
    "",
    `tokenizer = AutoTokenizer.from_pretrained("${folder}")`,
    `model = AutoModelForCausalLM.from_pretrained("${folder}"${trusted})`,
    ...source === "base"
      ? ['ids = tokenizer(tokenizer.bos_token + "The capital of France is", return_tensors="pt")']
      : [
        'messages = [{"role": "user", "content": "Why is the sky blue?"}]',
        "ids = tokenizer.apply_chat_template(",
        '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
        ")",
      ],
    "answer = model.generate(**ids)",
    'print(tokenizer.decode(answer[0, ids["input_ids"].shape[1] :]))',
    "```",
    "",
    ...section("Measured", "measure", measured),
    ...section("How it was trained", "setting", settings),
  ].join("\n");
}

function section(title: string, what: string, rows: readonly [string, unknown][]): string[] {
  const plain = rows.filter(([, value]) => value !== null && typeof value !== "object");
  if (plain.length === 0) return [];
  return [
    `## ${title}`,
    "",
    `| ${what} | value |`,
    "| --- | --- |",
    ...plain.map(([key, value]) => `| ${text(key)} | ${text(String(value))} |`),
    "",
  ];
}

/** Words of a file within Markdown. */
function text(words: string): string {
  return harmless(words).replace(/\s+/g, " ").replace(/[\\|`*<>[\]]/g, "\\$&");
}
