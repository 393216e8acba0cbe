/** How answers are sampled: what a person may set, and what the server does otherwise. */

/** A setting: its name in requests, how it is called, and the numbers it takes. */
export interface SamplingField {
  name: "temperature" | "top_p" | "top_k" | "min_p" | "max_tokens" | "seed";
  label: string;
  /** What it does, in a few words. */
  hint: string;
  min: number;
  max?: number;
  step: number;
}

/** Every setting, in the order in which they are shown. */
export const SAMPLING_FIELDS: readonly SamplingField[] = [
  {
    name: "temperature",
    label: "Temperature",
    hint: "0 takes the likeliest token",
    min: 0,
    max: 2,
    step: 0.05,
  },
  {
    name: "top_k",
    label: "Top k",
    hint: "Likeliest tokens; 0 takes all",
    min: 0,
    step: 1,
  },
  {
    name: "top_p",
    label: "Top p",
    hint: "Likeliest tokens up to this share",
    min: 0,
    max: 1,
    step: 0.01,
  },
  {
    name: "min_p",
    label: "Min p",
    hint: "Share of the likeliest's chance",
    min: 0,
    max: 1,
    step: 0.01,
  },
  {
    name: "max_tokens",
    label: "Longest answer",
    hint: "In tokens",
    min: 1,
    step: 1,
  },
  {
    name: "seed",
    label: "Seed",
    hint: "Same seed, same answer",
    min: 0,
    max: 2 ** 52,
    step: 1,
  },
];

/** Settings, by their names in requests. */
export type Sampling = Partial<Record<SamplingField["name"], number>>;

/** What a setting takes, in words. */
export function wantedOf({ min, max, step }: SamplingField): string {
  const number = step < 1 ? "A number" : "A whole number";
  return `${number} from ${min}${max === undefined ? "" : ` to ${max}`}`;
}

/** The number that was typed; undefined where it is none that the setting takes. */
export function parseSetting({ min, max = Infinity, step }: SamplingField, typed: string) {
  const value = Number(typed);
  const isValue = typed.trim() !== "" && value >= min && value <= max;
  return isValue && (step < 1 || Number.isSafeInteger(value)) ? value : undefined;
}

/** Those settings of a value that may be anything, such as one kept by an older page. */
export function readSampling(value: unknown): Sampling {
  const kept: Sampling = {};
  if (typeof value !== "object" || value === null) return kept;
  for (const field of SAMPLING_FIELDS) {
    const setting = (value as Record<string, unknown>)[field.name];
    if (typeof setting === "number") kept[field.name] = parseSetting(field, String(setting));
  }
  return kept;
}
