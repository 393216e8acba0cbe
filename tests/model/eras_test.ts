/**
 * Every architecture that nanochat has had computes what its own code computed: each folder of
 * `tests/fixtures/eras`, on every device.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { join } from "@std/path";
import { saveBaseCheckpoint } from "../../lib/checkpoint/disk/mod.ts";
import { openParts, type StoredTensor } from "../../lib/checkpoint/mod.ts";
import { type Device, PAGE_ROWS, type Tensor } from "../../lib/device/mod.ts";
import { CachedPass, type GPT, Pass, windowSizes } from "../../lib/model/mod.ts";
import { devices } from "../device/devices.ts";
import { Float64Device } from "../device/float64_device.ts";
import { inTempDir } from "../temp_dir.ts";
import { ERA_FOLDERS, eraFolder, type EraNumbers, loadEra, openEra, readEra } from "./eras.ts";
import { maxError } from "./parity.ts";
import { ownPages } from "./fresh_pass.ts";

for (const name of ERA_FOLDERS) {
  Deno.test(`${name}: its windows and the number of its parameters`, async () => {
    const { expected } = await readEra(name);
    const { model } = await loadEra(new Float64Device(), name);
    const windows = windowSizes(model.config, model.parts.windows);
    assertEquals(windows.every(Number.isFinite) ? windows : null, expected.window_sizes);
    assertEquals(model.counts.total, expected.parameters);
  });

  Deno.test(`${name}: it is saved as it was, and then needs to be told nothing`, async () => {
    await inTempDir(async (dir) => {
      const { meta } = await readEra(name);
      const { model, era, said } = await loadEra(new Float64Device(), name);
      const { directory } = await saveBaseCheckpoint(dir, "d1", {
        step: 10,
        modelConfig: model.config,
        parts: model.parts,
        stateDict: model.stateDict(),
        meta: { user_config: { ...Object(meta.raw.user_config), ...openParts(model.parts) } },
      });
      const saved = JSON.parse(await Deno.readTextFile(join(directory, "meta_000010.json")));
      const config = { ...Object(meta.raw.model_config) };
      if (config.window_pattern) config.window_pattern = config.window_pattern.toUpperCase();
      // A model that was taken to have no windows says so where its nanochat knows the word.
      const isSilent = !("window_pattern" in config) && era.parts.windows !== "none";
      const window_pattern = said.windowPattern ?? "L";
      assertEquals(saved.model_config, isSilent ? { ...config, window_pattern } : config);

      const before = await openEra(eraFolder(name), said);
      const again = await openEra(directory);
      using _ = before.file;
      using after = again.file;
      // Without the names of what wrapped the model.
      const old = before.tensors, now = after.root as Map<string, StoredTensor>;
      assertEquals([...now.keys()], [...old.keys()]);
      for (const [key, tensor] of now) {
        assertEquals(tensor.shape, old.get(key)!.shape);
        assertEquals(await tensor.readFloat32(), await old.get(key)!.readFloat32(), key);
      }
      assertEquals(again.parts, era.parts);
      // For want of the word, only that there are no windows stays a guess.
      const isOpen = model.parts.lambdas && model.parts.windows === "none";
      assertEquals(again.era.guessed, isOpen ? ["windowPattern"] : []);
    });
  });

  for (const { name: deviceName, device } of devices) {
    const test = (what: string, fn: (device: Device) => Promise<void>) =>
      Deno.test(
        `${deviceName}: ${name}: ${what}`,
        { ignore: device === undefined },
        () => fn(device!),
      );

    test("logits, losses and gradients", async (device) => {
      const { numbers } = await readEra(name);
      const { model } = await loadEra(device, name, { training: true });
      await checkForward(model, numbers, "");
      await checkGradients(model, numbers);
      await checkLong(model, numbers, "");
      model.free();
    });

    test("the same with rotary tables in float32", async (device) => {
      const { numbers } = await readEra(name);
      if (!numbers.values.has("f32_tables.logits")) return;
      const { model } = await loadEra(device, name, { parts: { rotaryRounding: "float32" } });
      await checkForward(model, numbers, "f32_tables.");
      await checkLong(model, numbers, "f32_tables.");
      model.free();
    });

    test("generation with a cache gives what the whole gives", async (device) => {
      const { model } = await loadEra(device, name);
      await checkCached(model, await longRows(name));
      model.free();
    });
  }
}

/** Every logit and loss of the batch. */
async function checkForward(model: GPT, numbers: EraNumbers, tables: string): Promise<void> {
  const { device } = model, [B, T] = numbers.shapes.get("x")!;
  const x = Int32Array.from(numbers.values.get("x")!);
  const y = Int32Array.from(numbers.values.get("y")!);
  const pass = new Pass(model, B, T);
  const logits = await logitsOf(pass, x);
  assertClose(logits, numbers.values.get(`${tables}logits`)!, `${tables}logits`);

  const loss = device.allocate("loss", [1]);
  pass.batch.write(x, y);
  pass.evaluate(loss);
  const wanted = numbers.values.get(`${tables}loss_per_position`)!;
  const kept = Float32Array.from([...y.keys()].filter((row) => y[row] >= 0), (row) => wanted[row]);
  const losses = (await floats(device, pass.head.losses)).subarray(0, kept.length);
  assertClose(losses, kept, `${tables}losses`);
  device.free(loss);
  pass.free();
}

/** The gradient of every parameter. */
async function checkGradients(model: GPT, numbers: EraNumbers): Promise<void> {
  const { device } = model, [B, T] = numbers.shapes.get("x")!;
  const loss = device.allocate("loss", [1]);
  const pass = new Pass(model, B, T, { training: true });
  const [x, y] = ["x", "y"].map((key) => Int32Array.from(numbers.values.get(key)!));
  pass.batch.write(x, y);
  model.zeroGradients();
  pass.train(loss, 1);
  const known = [...numbers.values.keys()].filter((key) => key.startsWith("grad."));
  // Some are zero but for rounding: that of backout's share, where its layer is the last.
  const least = Math.hypot(...known.map((key) => norm(numbers.values.get(key)!))) * 1e-7;
  assertEquals(known.sort(), [...model.parameters.keys()].map((key) => `grad.${key}`).sort());
  for (const { name, gradient } of model.parameters.values()) {
    const wanted = numbers.values.get(`grad.${name}`)!;
    const error = (await floats(device, gradient!)).map((value, i) => value - wanted[i]);
    assertLess(norm(error), 1e-4 * norm(wanted) + least, name);
  }
  device.free(loss);
  pass.free();
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** The last logits of a row that is longer than the model's sequences. */
async function checkLong(model: GPT, numbers: EraNumbers, tables: string): Promise<void> {
  const x = Int32Array.from(numbers.values.get("long.x")!), V = model.config.vocabSize;
  const pass = new Pass(model, 1, x.length);
  const wanted = numbers.values.get(`long.${tables}logits_end`)!;
  assert(x.length > model.config.sequenceLen && wanted.length % V === 0);
  assertClose((await logitsOf(pass, x)).slice(-wanted.length), wanted, `long.${tables}logits_end`);
  pass.free();
}

/** Two rows that are longer than a model's sequences and begin alike, with their exact logits. */
interface LongRows {
  rows: Int32Array[];
  /** Tokens that they share. */
  shared: number;
  /** (T, V) of each. */
  logits: Float32Array[];
}

const longRowsOf = new Map<string, Promise<LongRows>>();

/** What a folder's model gives for long rows without a cache, computed once in float64. */
function longRows(name: string): Promise<LongRows> {
  const known = longRowsOf.get(name);
  if (known) return known;
  const computed = (async () => {
    const { numbers } = await readEra(name);
    const { model } = await loadEra(new Float64Device(), name);
    const x = Int32Array.from(numbers.values.get("long.x")!), shared = x.length >> 1;
    const other = x.map((id, t) => t < shared ? id : (id + 1) % model.config.vocabSize);
    const pass = new Pass(model, 1, x.length), rows = [x, other], logits: Float32Array[] = [];
    for (const row of rows) logits.push(await logitsOf(pass, row));
    return { rows, shared, logits };
  })();
  longRowsOf.set(name, computed);
  return computed;
}

/**
 * A row in pieces, then token by token, to its end beyond the model's sequences; beside it a row that
 * shares the pages of its beginning, and goes on with other tokens.
 */
async function checkCached(model: GPT, long: LongRows): Promise<void> {
  const { rows: [x, other], shared, logits: rows } = long, T = x.length;
  const { device, config: { vocabSize: V } } = model;
  const [own, others] = ownPages(2, T), whole = Math.floor(shared / PAGE_ROWS);
  const pages = [...own, ...others].length;
  const pass = new CachedPass(model, { rows: 2, tokens: shared, capacity: T, pages });
  pass.seat([{ pages: own, length: 0 }]);
  let start = 0;
  for (const end of [5, 9, shared]) {
    device.write(pass.ids, x.subarray(start, end));
    pass.forward(end - start);
    const found = (await floats(device, pass.logits())).subarray(0, V);
    assertClose(found, rows[0].subarray((end - 1) * V, end * V), `after ${end} tokens`);
    start = end;
  }
  pass.copyPage(own[whole], others[whole]);
  const rowPages = [own, [...own.slice(0, whole), ...others.slice(whole)]];
  const seat = (length: number) =>
    pass.seat([x, other].map((tokens, row) => {
      return { pages: rowPages[row], length, last: tokens[length - 1] };
    }));
  seat(shared);
  const step = async (t: number) => {
    device.write(pass.ids, Int32Array.of(x[t], other[t]));
    pass.forward(1);
    const logits = await floats(device, pass.logits());
    for (const [row, wanted] of rows.entries()) {
      const found = logits.subarray(row * logits.length / 2).subarray(0, V);
      assertClose(found, wanted.subarray(t * V, (t + 1) * V), `row ${row}, token ${t}`);
    }
  };
  for (let t = start; t < start + 3; t++) await step(t);
  // Two tokens are taken back, and read again.
  seat(start + 1);
  for (let t = start + 1; t < T; t++) await step(t);
  pass.free();
}

/** (N, V) The logits of every row. */
async function logitsOf(pass: Pass, x: Int32Array): Promise<Float32Array> {
  const { device, config: { vocabSize: V } } = pass.model, N = x.length;
  pass.batch.write(x, Int32Array.from({ length: N }, () => 0));
  pass.forward();
  const all = new Float32Array(N * V);
  for (let start = 0; start < N; start += pass.head.chunkRows) {
    const R = Math.min(pass.head.chunkRows, N - start);
    const logits = await floats(device, pass.head.logits(pass.final, pass.batch.index, start, R));
    const columns = logits.length / R;
    for (let r = 0; r < R; r++) {
      all.set(logits.subarray(r * columns, r * columns + V), (start + r) * V);
    }
  }
  return all;
}

async function floats(device: Device, tensor: Tensor): Promise<Float32Array> {
  return await device.read(tensor) as Float32Array;
}

/** Refuses what is further than 2e-5 and a 1e-5th of the number, and NaN. */
function assertClose(found: Float32Array, wanted: Float32Array, what: string): void {
  assertEquals(found.length, wanted.length, what);
  const far = found.findIndex((value, i) => {
    return !(Math.abs(value - wanted[i]) <= 2e-5 + 1e-5 * Math.abs(wanted[i]));
  });
  assert(
    far < 0,
    `${what}: [${far}] is ${found[far]}, not ${wanted[far]}; ${maxError(found, wanted)} at most`,
  );
}
