/** What a card should reach, each a ratio of two measurements of one run. */
import type { Results } from "./report.ts";
import type { Row } from "./part.ts";

/** A target and how far it is met. */
export interface Outcome {
  target: string;
  /** At least so much. */
  least: number;
  /** What was reached; nothing where one of the two was not measured. */
  ratio?: number;
}

/** Compares what was measured. */
export function outcomes(results: Results): Outcome[] {
  const rows = (table: string): readonly Row[] => results.tables[table] ?? [];
  /** The best of the rows that have these cells. */
  const best = (table: string, cells: Row, of: string): number | undefined => {
    const values = rows(table)
      .filter((row) => Object.entries(cells).every(([name, cell]) => row[name] === cell))
      .map((row) => Number(row[of])).filter(Number.isFinite);
    return values.length > 0 ? Math.max(...values) : undefined;
  };
  const product = (by: string, dtype: string) =>
    best("products", { of: "product", by, dtype }, "TFLOP/s");
  const ours = (dtype: string) => larger(product("deno", dtype), product("dawn", dtype));
  /** Forward and backward together. */
  const attention = (by: string, dtype: string) => {
    const both = rows("products").filter((row) =>
      `${row.of}`.startsWith("attention") && row.by === by && row.dtype === dtype
    );
    const sum = (of: (row: Row) => number) => both.reduce((sum, row) => sum + of(row), 0);
    if (both.length < 2) return undefined;
    const ms = sum((row) => Number(row.ms));
    return sum((row) => Number(row.ms) * Number(row["TFLOP/s"])) / ms;
  };
  const attentions = ["deno", "dawn"].map((by) =>
    ratio(attention(by, "bfloat16"), product(by, "bfloat16"))
  );
  const steps = (by: string, dtype?: string) =>
    best("training", dtype ? { by, dtype } : { by }, "tokens/s");
  const copy = best("peaks", { of: "copy" }, "GB/s");
  const decode = larger(
    ...["deno", "dawn"].map((by) => best("decoding", { by, batch: 1 }, "GB/s")),
  );
  return [
    {
      target: "product in float32 / PyTorch's in float32, TF32 off",
      least: 0.5,
      ratio: ratio(ours("float32"), product("PyTorch", "float32")),
    },
    {
      target: "product in float32 / jax-js's",
      least: 2,
      ratio: ratio(ours("float32"), product("jax-js", "float32")),
    },
    {
      target: "product in float16 with subgroup matrices / PyTorch's in bfloat16",
      least: 0.25,
      ratio: ratio(product("dawn", "float16"), product("PyTorch", "bfloat16")),
    },
    {
      target: "d12's steps in float32 / PyTorch's, eager, float32",
      least: 1,
      ratio: ratio(
        larger(steps("deno", "float32"), steps("dawn", "float32")),
        steps("PyTorch, eager", "float32"),
      ),
    },
    {
      target: "d12's steps with Dawn / PyTorch's, compiled, bfloat16",
      least: 0.3,
      ratio: ratio(steps("dawn"), steps("PyTorch, compiled", "bfloat16")),
    },
    {
      target: "attention, forward and backward / the product, TFLOP/s in bfloat16",
      least: 0.5,
      ratio: larger(...attentions),
    },
    {
      target: "writing with d12, one text: what is read / the bandwidth of a copy",
      least: 0.5,
      ratio: ratio(decode, copy),
    },
  ];
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a !== undefined && b ? a / b : undefined;
}

function larger(...values: (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
