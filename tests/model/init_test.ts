import { assertAlmostEquals, assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { GPT, initialParameters, type ModelConfig, parameterSpecs } from "../../lib/model/mod.ts";
import { sizeOf } from "../../lib/device/mod.ts";
import { Float64Device } from "../device/float64_device.ts";

const config: ModelConfig = {
  sequenceLen: 256,
  vocabSize: 1000,
  nLayer: 3,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 128,
  windowPattern: "SL",
};
const specs = parameterSpecs(config, { smear: true, backout: true });
const sizeOfParameter = (name: string) => sizeOf(specs.find((spec) => spec.name === name)!.shape);

function values(name: string, seed = 1): Promise<Float32Array> {
  return initialParameters(config, seed)(name, 0, sizeOfParameter(name));
}

/** Mean, standard deviation and largest magnitude. */
async function statistics(name: string) {
  const all = await values(name);
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length;
  const most = all.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return { mean, deviation: Math.sqrt(variance), most };
}

Deno.test("tables are normally distributed", async () => {
  for (const [name, deviation] of [["transformer.wte.weight", 0.8], ["lm_head.weight", 0.001]]) {
    const found = await statistics(name as string);
    assertAlmostEquals(found.mean / Number(deviation), 0, 0.02);
    assertAlmostEquals(found.deviation / Number(deviation), 1, 0.02);
    assertLess(3.5, found.most / Number(deviation)); // a uniform distribution ends at 1.73
  }
});

Deno.test("matrices are uniform with deviation 1/√C, those of c_fc 0.4 of it", async () => {
  const limits = {
    "transformer.h.1.attn.c_q.weight": Math.sqrt(3 / 128),
    "transformer.h.1.attn.c_k.weight": Math.sqrt(3 / 128),
    "transformer.h.1.attn.c_v.weight": Math.sqrt(3 / 128),
    "transformer.h.1.mlp.c_fc.weight": 0.4 * Math.sqrt(3 / 128),
    "value_embeds.0.weight": Math.sqrt(3 / 128),
  };
  for (const [name, limit] of Object.entries(limits)) {
    const found = await statistics(name);
    assertAlmostEquals(found.mean / limit, 0, 0.02, name);
    assertAlmostEquals(found.deviation / limit, Math.sqrt(1 / 3), 0.01, name);
    assertLess(found.most, limit * (1 + 1e-6));
  }
});

Deno.test("gates are small and positive, outputs zero, lambdas as nanochat sets them", async () => {
  for (const name of ["smear_gate.weight", "transformer.h.0.attn.ve_gate.weight"]) {
    const gate = await values(name);
    assertEquals(gate.every((x) => x > 0 && x < 0.02), true);
  }
  for (const name of ["attn.c_proj.weight", "mlp.c_proj.weight"]) {
    const output = await values(`transformer.h.2.${name}`);
    assertEquals(output.every((x) => x === 0), true);
  }
  assertEquals(await values("resid_lambdas"), Float32Array.of(1.15, 1.1, 1.05));
  assertEquals(await values("x0_lambdas"), Float32Array.of(0.2, 0.125, 0.05));
  assertEquals(await values("smear_lambda"), Float32Array.of(0));
  assertEquals(await values("backout_lambda"), Float32Array.of(0.2));
});

Deno.test("the seed decides every value, however the reads are cut", async () => {
  const name = "transformer.h.0.attn.c_q.weight", other = "transformer.h.1.attn.c_q.weight";
  const whole = await values(name);
  const read = initialParameters(config, 1);
  assertEquals(await read(name, 0, 100), whole.slice(0, 100));
  await read(other, 0, 7);
  assertEquals(await read(name, 100, whole.length - 100), whole.slice(100));
  assertNotEquals(await values(other), whole);
  assertNotEquals(await values(name, 2), whole);
});

Deno.test("a model is filled with it", async () => {
  const model = new GPT(new Float64Device(), config);
  await model.load(initialParameters(config, 1));
  assertEquals(
    await model.device.read(model.value("lm_head.weight")),
    await values("lm_head.weight"),
  );
});
