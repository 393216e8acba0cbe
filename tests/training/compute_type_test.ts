/** In which type a model computes where nobody says it, and what is refused where somebody does. */
import { assertEquals, assertThrows } from "@std/assert";
import { commandOf } from "../../cli/command.ts";
import { sftOptions } from "../../cli/options.ts";
import type { Hardware } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { NEWEST_PARTS } from "../../lib/model_parts.ts";
import { computeType, computeTypes, weightType } from "../../lib/training/mod.ts";

const config = {
  sequenceLen: 64,
  vocabSize: 1000,
  nLayer: 2,
  nHead: 2,
  nKvHead: 1,
  nEmbd: 32,
  windowPattern: "SL",
};
const shape = { config, parts: NEWEST_PARTS };
/** Heads of 6 numbers. */
const odd = { ...shape, config: { ...config, nHead: 6, nKvHead: 6, nEmbd: 36 } };

const [card, software, cpu] = ([
  { kind: "webgpu", isSoftware: false },
  { kind: "webgpu", isSoftware: true },
  { kind: "cpu", isSoftware: true },
] as const).map((device) => device as Hardware);

Deno.test("a graphics card computes in bfloat16 unless told, all else in float32", () => {
  assertEquals([card, software, cpu].map((device) => computeType(device, shape)), [
    "bfloat16",
    "float32",
    "float32",
  ]);
  assertEquals(computeType(card, odd), "float32");
  assertEquals(computeType(card, shape, "float16"), "float16");
  assertEquals(computeType(software, shape, "bfloat16"), "bfloat16");
  assertEquals(computeTypes(card, config), ["float32", "bfloat16", "float16"]);
  assertEquals(computeTypes(cpu, config), ["float32"]);
});

Deno.test("a type that the device or the model cannot have is refused", () => {
  for (const dtype of ["bfloat16", "float16"] as const) {
    assertThrows(
      () => computeType(cpu, shape, dtype),
      UserError,
      `dtype must be float32 on the CPU device, but is "${dtype}"`,
    );
    assertThrows(
      () => computeType(card, odd, dtype),
      UserError,
      `dtype must be float32 in a model with heads of 6 numbers, no multiple of 8, but is "${dtype}"`,
    );
  }
  assertThrows(() => weightType(card, odd, "bfloat16"), UserError, "weights must be float32 in a ");
});

Deno.test("on a GPU weights that are used as they are have the type of the products", () => {
  for (const dtype of ["float32", "bfloat16", "float16"] as const) {
    assertEquals(weightType(card, { ...shape, dtype }), dtype);
  }
  assertEquals(weightType(card, { ...shape, dtype: "bfloat16" }, "float32"), "float32");
  assertEquals(weightType(software, shape, "bfloat16"), "bfloat16");
});

/** What `sft` is given, where the variable has a value. */
async function dtypeOf(variable: string, ...args: string[]): Promise<unknown> {
  let dtype: unknown;
  const run = (given: Parameters<typeof sftOptions>[0]) => {
    dtype = sftOptions(given).dtype;
    return Promise.resolve();
  };
  const before = Deno.env.get("NANOCHAT_DTYPE");
  Deno.env.set("NANOCHAT_DTYPE", variable);
  try {
    await commandOf("sft", { run }).noExit().parse(args);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  } finally {
    if (before === undefined) Deno.env.delete("NANOCHAT_DTYPE");
    else Deno.env.set("NANOCHAT_DTYPE", before);
  }
  return dtype;
}

Deno.test("NANOCHAT_DTYPE says the type where the flag does not", async () => {
  const words = 'must be float32, bfloat16 or float16, but is "fp8"';
  assertEquals(await dtypeOf(""), undefined);
  assertEquals(await dtypeOf("float16"), "float16");
  assertEquals(await dtypeOf("float16", "--dtype", "float32"), "float32");
  assertEquals(await dtypeOf("fp8", "--dtype", "bfloat16"), "bfloat16");
  assertEquals(await dtypeOf("fp8"), `NANOCHAT_DTYPE ${words}`);
  assertEquals(await dtypeOf("float16", "--dtype", "fp8"), `--dtype ${words}`);
});
