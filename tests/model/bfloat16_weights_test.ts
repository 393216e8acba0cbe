/** A model with weights in bfloat16 computes what one with the same numbers in float32 does. */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../lib/bfloat16.ts";
import type { Device } from "../../lib/device/mod.ts";
import { GPT, initialParameters, type ModelConfig } from "../../lib/model/mod.ts";
import { devices } from "../device/devices.ts";
import { relativeError } from "./parity.ts";
import { freshPass } from "./fresh_pass.ts";

const device = devices.find(({ name }) => name === "cpu")!.device!;

const config: ModelConfig = {
  sequenceLen: 96,
  vocabSize: 301,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 56,
  windowPattern: "SL",
};
const PARTS = { smear: true, backout: true, bigram: true };

/** Numbers of which none is zero, as matrices of a new model are. */
const values = (name: string, count: number) =>
  Float32Array.from({ length: count }, (_, i) => 0.3 * Math.sin(i * 1.7 + name.length));

/** Logits after prompts of one, few and many tokens, then after a further one. */
async function logits(device: Device, model: GPT): Promise<Float32Array[]> {
  const found: Float32Array[] = [];
  for (const [B, T] of [[1, 1], [2, 5], [2, 40]]) {
    const pass = freshPass(model, B, 60, T);
    for (const length of [T, 1]) {
      device.write(pass.ids, Int32Array.from({ length: B * length }, (_, i) => i * 7 % 301));
      pass.forward(length);
      found.push(await device.read(pass.logits()) as Float32Array);
    }
    pass.free();
  }
  return found;
}

Deno.test("weights in bfloat16 give the logits of the rounded numbers in float32", async () => {
  const half = new GPT(device, config, { parts: PARTS, weights: "bfloat16" });
  await half.load((name, _, count) => Promise.resolve(values(name, count)));
  const full = new GPT(device, config, { parts: PARTS });
  await full.load((name, start, count) =>
    half.stateDict().get(name)!.read(start, count) as Promise<Float32Array>
  );

  const expected = await logits(device, full);
  for (const [i, ours] of (await logits(device, half)).entries()) {
    assertLess(relativeError(ours, expected[i]), 1e-5);
  }
  for (const { name, kind, value } of half.parameters.values()) {
    const isSmall = kind === "scalar" || name.includes("gate");
    assertEquals(value.dtype, isSmall ? "float32" : "bfloat16", name);
    const given = values(name, value.size);
    const kept = isSmall ? given : bfloat16ToFloat32(float32ToBfloat16(given));
    assertEquals(await device.read(value), kept, name);
  }
  for (const model of [half, full]) model.free();
});

Deno.test("weights of a model in training are float32", () => {
  const options = { training: true, weights: "bfloat16" } as const;
  assertThrows(() => new GPT(device, config, options), TypeError, "float32");
});

Deno.test("weights in bfloat16 take half the memory", async () => {
  const used = () => device.memory.used;
  const before = used();
  const full = new GPT(device, config), inFloat32 = used() - before;
  full.free();
  const half = new GPT(device, config, { weights: "bfloat16" });
  await half.load(initialParameters(config, 1));
  assertLess(used() - before, 0.55 * inFloat32);
  half.free();
  assertEquals(used(), before);
});
