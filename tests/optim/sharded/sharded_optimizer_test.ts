/** Ranks that share an optimizer do what one process does that averages their gradients. */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { bfloat16ToFloat32, float32ToBfloat16 } from "../../../lib/bfloat16.ts";
import { createCpuDevice } from "../../../lib/device/cpu/mod.ts";
import type { Device, Tensor } from "../../../lib/device/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import {
  AdamW,
  Optimizer,
  type OptimizerParameter,
  parameterGroups,
  ShardedOptimizer,
  type ShardedOptions,
} from "../../../lib/optim/mod.ts";
import type { Ranks } from "../../../lib/ranks/mod.ts";
import { PythonRandom } from "../../../lib/random/mod.ts";
import { Float64Device } from "../../device/float64_device.ts";
import { data } from "../../device/float64_tensor.ts";
import { onRanks } from "../../ranks/in_process.ts";

const RATES = { embeddingLr: 0.3, unembeddingLr: 0.01, matrixLr: 0.02 };
const WIDTH = 32;
type Kind = OptimizerParameter["kind"];

/** Tables of rows that 1, 2, 3 and 4 divide, small parameters, and groups of 5, 3 and 1 matrices. */
const PARAMETERS: [name: string, kind: Kind, ...shape: number[]][] = [
  ["resid_lambdas", "scalar", 3],
  ["smear_lambda", "scalar", 1],
  ["transformer.wte.weight", "wte", 48, WIDTH],
  ...[0, 1, 2].flatMap((i): [string, Kind, ...number[]][] => [
    [`transformer.h.${i}.attn.c_q.weight`, "matrix", WIDTH, WIDTH],
    [`transformer.h.${i}.mlp.c_fc.weight`, "matrix", 2 * WIDTH, WIDTH],
  ]),
  ["transformer.h.0.attn.c_proj.weight", "matrix", WIDTH, WIDTH],
  ["transformer.h.1.attn.c_proj.weight", "matrix", WIDTH, WIDTH],
  ["transformer.h.1.attn.ve_gate.weight", "matrix", 2, 12],
  ["lm_head.weight", "lmHead", 48, WIDTH],
  ["smear_gate.weight", "scalar", 1, 24],
  ["bigram_embed.embed.weight", "bigramEmbed", 96, WIDTH],
  ["value_embeds.1.weight", "valueEmbeds", 48, WIDTH],
];
/** Buckets of one, several and all the other parameters. */
const ORDER = [
  ["lm_head.weight"],
  PARAMETERS.map(([name]) => name).filter((name) => /\.h\.[12]\.|value_embeds/.test(name)),
];
const NAMED = new Set(ORDER.flat());
ORDER.push(PARAMETERS.map(([name]) => name).filter((name) => !NAMED.has(name)));

/** Numbers of a parameter that follow from a seed. */
function numbers(seed: number, size: number): Float32Array {
  const random = new PythonRandom(seed);
  return Float32Array.from({ length: size }, () => random.random() - 0.5);
}

function parametersOn(device: Device): OptimizerParameter[] {
  return PARAMETERS.map(([name, kind, ...shape], i) => {
    const value = device.allocate(name, shape), gradient = device.allocate(name, shape);
    device.write(value, numbers(i, value.size));
    return { name, kind, shape, value, gradient };
  });
}

/** The gradient of a rank's micro-batches; of tables it touches few rows, or none. */
function gradientOf(rank: number, step: number, index: number): Float32Array {
  const [name, , ...shape] = PARAMETERS[index];
  const size = shape.reduce((product, n) => product * n, 1);
  const gradient = numbers(1000 * (rank + 1) + 100 * step + index, size);
  const touched = touchedBy(rank).get(name);
  const isTouched = (i: number) => !touched || touched.includes(Math.floor(i / WIDTH));
  return gradient.map((x, i) => isTouched(i) ? x : -0);
}

function touchedBy(rank: number): Map<string, Int32Array> {
  const rows = [[0, 5, 11, 40], [], [5, 47], Array.from({ length: 48 }, (_, i) => i)][rank];
  const tokens = Int32Array.from(rows), bigrams = Int32Array.from(rows, (row) => 2 * row);
  return new Map([
    ["transformer.wte.weight", tokens],
    ["value_embeds.1.weight", tokens],
    ["bigram_embed.embed.weight", bigrams],
  ]);
}

/** What one rank has. */
interface Rank {
  ranks: Ranks;
  device: Device;
  parameters: OptimizerParameter[];
  optimizer: ShardedOptimizer;
}

async function open(
  ranks: Ranks,
  options: Partial<ShardedOptions> = {},
  device: Device = new Float64Device(),
): Promise<Rank> {
  const parameters = parametersOn(device);
  const groups = parameterGroups(parameters, WIDTH, RATES, 0.1);
  const optimizer = await ShardedOptimizer.open(device, groups, ranks, {
    order: ORDER,
    ...options,
  });
  return { ranks, device, parameters, optimizer };
}

/** Takes a rank's part in a step, on its gradients or on others. */
async function takeStep(
  { ranks, device, parameters, optimizer }: Rank,
  step: number,
  { isTouched = false, contributors = ranks.worldSize, gradient = gradientOf } = {},
): Promise<void> {
  const exchange = optimizer.begin(isTouched ? touchedBy(ranks.rank) : undefined);
  for (const [i, names] of ORDER.entries()) {
    for (const name of names) {
      const index = PARAMETERS.findIndex(([other]) => other === name);
      device.write(parameters[index].gradient!, gradient(ranks.rank, step, index));
    }
    // The last are handed over by `finish`.
    if (i + 1 < ORDER.length) exchange.ready(i + 1);
  }
  const isFinite = !await ranks.any(!await exchange.finish());
  await optimizer.step(1 - 0.1 * step, 0.85 + 0.05 * step, { contributors, isFinite });
}

async function valuesOf(device: Device, parameters: OptimizerParameter[]) {
  const read = (tensor: Tensor) => device.read(tensor) as Promise<Float32Array>;
  return await Promise.all(parameters.map(({ value }) => read(value)));
}

/** The mean of what ranks have, in their order, rounded to float32 after each addition. */
function meanOf(all: readonly Float32Array[], contributors = all.length): Float32Array {
  return all[0].map((_, i) =>
    Math.fround(all.reduce((sum, values) => Math.fround(sum + values[i]), 0)) / contributors
  );
}

/** The parameters of one process that averages the gradients of so many ranks. */
async function alone(worldSize: number, steps: number, contributors = worldSize) {
  const device = new Float64Device(), parameters = parametersOn(device);
  const optimizer = new Optimizer(device, parameterGroups(parameters, WIDTH, RATES, 0.1));
  const ranks = Array.from({ length: worldSize }, (_, rank) => rank);
  for (let step = 0; step < steps; step++) {
    for (const [i, { gradient }] of parameters.entries()) {
      const all = ranks.map((rank) => gradientOf(rank, step, i));
      device.write(gradient!, meanOf(all, contributors));
    }
    optimizer.step(1 - 0.1 * step, 0.85 + 0.05 * step);
  }
  return await valuesOf(device, parameters);
}

for (const worldSize of [1, 2, 3, 4]) {
  Deno.test(`${worldSize} ranks are one process that averages, to the last bit`, async () => {
    const expected = await alone(worldSize, 3);
    for (const isTouched of [false, true]) {
      const all = await onRanks(worldSize, async (ranks) => {
        const rank = await open(ranks);
        for (const step of [0, 1, 2]) await takeStep(rank, step, { isTouched });
        return await valuesOf(rank.device, rank.parameters);
      });
      for (const values of all) assertEquals(values, expected);
    }
  });
}

Deno.test("ranks without targets add nothing to the mean", async () => {
  const all = await onRanks(4, async (ranks) => {
    const rank = await open(ranks);
    const gradient = (r: number, step: number, i: number) =>
      r < 3 ? gradientOf(r, step, i) : new Float32Array(gradientOf(r, step, i).length);
    await takeStep(rank, 0, { contributors: 3, gradient });
    return await valuesOf(rank.device, rank.parameters);
  });
  for (const values of all) assertEquals(values, await alone(3, 1));
});

Deno.test("touched rows are summed as whole tables are, and are less to send", async () => {
  for (const reduceDtype of ["float32", "bfloat16"] as const) {
    const [dense, touched] = await Promise.all(
      [false, true].map((isTouched) =>
        onRanks(3, async (ranks) => {
          let sent = 0;
          const exchange = ranks.exchange.bind(ranks);
          ranks.exchange = (outgoing, lengths) => {
            sent += outgoing.reduce((sum, { byteLength }) => sum + byteLength, 0);
            return exchange(outgoing, lengths);
          };
          const { device, optimizer, ...rest } = await open(ranks, { reduceDtype });
          const before = sent;
          const exchanged = optimizer.begin(isTouched ? touchedBy(ranks.rank) : undefined);
          for (const [i, { gradient }] of rest.parameters.entries()) {
            device.write(gradient!, gradientOf(ranks.rank, 0, i));
          }
          await exchanged.finish();
          const bytes = sent - before;
          await optimizer.step(1, 0.85, { contributors: 3, isFinite: true });
          const gradients = optimizer.owned.map(({ parameter }) =>
            device.read(parameter.gradient!)
          );
          return { bytes, gradients: await Promise.all(gradients) };
        })
      ),
    );
    assertEquals(touched.map((rank) => rank.gradients), dense.map((rank) => rank.gradients));
    for (const rank of [0, 1, 2]) assertLess(touched[rank].bytes, dense[rank].bytes);
  }
});

Deno.test("tables that go in pieces are summed and gathered whole", async () => {
  const rows = 8, width = (8 << 20) / rows + 1, size = rows * width;
  const device = await createCpuDevice({ threads: 1 });
  const table = () => {
    const name = "wte", shape = [rows, width];
    const [value, gradient] = [name, name].map((name) => device.allocate(name, shape));
    return { name, kind: "wte", shape, value, gradient } satisfies OptimizerParameter;
  };
  const gradientOf = (rank: number) =>
    new Float32Array(size).map((_, i) =>
      [3, 6 + rank].includes(Math.floor(i / width)) ? i % 97 : 0
    );
  try {
    const single = table();
    device.write(single.gradient, meanOf([0, 1].map(gradientOf)));
    new Optimizer(device, parameterGroups([single], WIDTH, RATES)).step(1, 0.85);
    await onRanks(2, async (ranks) => {
      const { rank } = ranks, parameter = table();
      device.write(parameter.gradient, gradientOf(rank));
      const groups = parameterGroups([parameter], WIDTH, RATES);
      const optimizer = await ShardedOptimizer.open(device, groups, ranks, { order: [["wte"]] });
      await optimizer.begin(new Map([["wte", Int32Array.of(3, 6 + rank)]])).finish();
      await optimizer.step(1, 0.85, { contributors: 2, isFinite: true });
      const [found, expected] = await Promise.all(
        [parameter, single].map(({ value }) => device.read(value)),
      );
      // A comparison for people takes long of so many.
      assert(found.every((x, i) => x === expected[i]));
    });
  } finally {
    await device.close();
  }
});

Deno.test("bfloat16 rounds what every rank sends, and the sum is of float32", async () => {
  const round = (values: Float32Array) => bfloat16ToFloat32(float32ToBfloat16(values));
  await onRanks(3, async (ranks) => {
    const rank = await open(ranks, { reduceDtype: "bfloat16" });
    await takeStep(rank, 0);
    for (const { parameter, stretch } of rank.optimizer.owned) {
      const index = PARAMETERS.findIndex(([name]) => name === parameter.name);
      const all = [0, 1, 2].map((r) => gradientOf(r, 0, index));
      const mean = meanOf(stretch.isReplicated ? all : all.map(round));
      assertEquals(
        await rank.device.read(parameter.gradient!),
        mean.slice(stretch.start, stretch.start + stretch.count),
        parameter.name,
      );
    }
  });
});

Deno.test("a gradient of one rank that is not finite changes nothing on any", async () => {
  const expected = await alone(4, 2);
  for (const spoilt of ["lm_head.weight", "transformer.h.1.attn.ve_gate.weight", "smear_lambda"]) {
    const all = await onRanks(4, async (ranks) => {
      const rank = await open(ranks), { device, parameters, optimizer } = rank;
      const steps = () =>
        optimizer.own.parts.flatMap((part) => part instanceof AdamW ? part.steps : []);
      await takeStep(rank, 0);
      const before = await valuesOf(device, parameters), counted = steps();
      const gradient = (r: number, step: number, i: number) => {
        const values = gradientOf(r, step, i);
        if (r === 2 && PARAMETERS[i][0] === spoilt) values[values.length - 1] = NaN;
        return values;
      };
      await takeStep(rank, 1, { gradient });
      assertEquals(await valuesOf(device, parameters), before);
      assertEquals(await device.read(optimizer.guard), Int32Array.of(1));
      // One that comes after it is kept back as well.
      await takeStep(rank, 1);
      assertEquals(await valuesOf(device, parameters), before);
      assertEquals(steps(), counted.map((count) => count + 2));
      optimizer.takeBack(2);
      device.zero({ x: optimizer.guard });
      await takeStep(rank, 1);
      return await valuesOf(device, parameters);
    });
    for (const values of all) assertEquals(values, expected);
  }
});

Deno.test("what every rank updates is rank 0's, and rows are their owner's", async () => {
  const all = await onRanks(2, async (ranks) => {
    const device = new Float64Device();
    if (ranks.rank === 1) {
      const adamW = device.adamW.bind(device);
      Object.assign(device, {
        adamW: (args: Parameters<typeof adamW>[0]) => {
          adamW(args);
          device.write(args.p, data(args.p).map((x) => 2 * x));
        },
      });
    }
    const rank = await open(ranks, {}, device);
    await takeStep(rank, 0);
    return await valuesOf(device, rank.parameters);
  });
  assertEquals(all[0], all[1]);
  for (const [i, values] of (await alone(2, 1)).entries()) {
    const [, kind] = PARAMETERS[i], half = values.length / 2;
    const isShared = kind !== "matrix" && kind !== "scalar";
    assertEquals(all[1][i], isShared ? values.map((x, j) => j < half ? x : 2 * x) : values);
  }
});

Deno.test("gradients are those at the time when they were ready, however late they come", async () => {
  const expected = await alone(3, 1);
  const all = await onRanks(3, async (ranks) => {
    const device = new Float64Device(), stage = device.stage.bind(device);
    const random = new PythonRandom(ranks.rank);
    device.stage = (...args) => {
      const staged = stage(...args);
      return {
        values: async () => {
          await new Promise((resolve) => setTimeout(resolve, 10 * random.random()));
          return await staged.values();
        },
      };
    };
    const { parameters, optimizer } = await open(ranks, {}, device);
    const exchange = optimizer.begin();
    for (const [i, { gradient }] of parameters.entries()) {
      device.write(gradient!, gradientOf(ranks.rank, 0, i));
    }
    exchange.ready(1);
    exchange.ready(ORDER.length);
    for (const { gradient } of parameters) device.zero({ x: gradient! });
    assert(await exchange.finish());
    await optimizer.step(1, 0.85, { contributors: 3, isFinite: true });
    return await valuesOf(device, parameters);
  });
  for (const values of all) assertEquals(values, expected);
});

Deno.test("an exchange that fails is told to whoever waits for it, and ends no process", async () => {
  for (const fails of ["gather", "exchange"] as const) {
    await onRanks(2, async (ranks) => {
      const { optimizer } = await open(ranks);
      Object.assign(ranks, { [fails]: () => Promise.reject(new UserError("the link was cut")) });
      // A gather within one process is an exchange.
      const exchange = optimizer.begin(fails === "gather" ? touchedBy(ranks.rank) : undefined);
      exchange.ready(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      await assertRejects(() => exchange.finish(), UserError, "the link was cut");
    });
  }
});

Deno.test("rows that cannot be divided are refused by name", async () => {
  await onRanks(5, async (ranks) => {
    await assertRejects(
      () => open(ranks),
      UserError,
      "5 ranks cannot share the 48 rows of lm_head",
    );
  });
});

Deno.test("a rank keeps its part of the moments, and gives all of its memory back", async () => {
  const device = await createCpuDevice({ threads: 1 });
  try {
    const used = async (worldSize: number) => {
      let most = 0;
      await onRanks(worldSize, async (ranks) => {
        const before = device.memory.used;
        if (ranks.rank > 0) return;
        const parameters = parametersOn(device);
        const groups = parameterGroups(parameters, WIDTH, RATES);
        const held = device.memory.used;
        const optimizer = await ShardedOptimizer.open(device, groups, ranks, { order: ORDER });
        most = device.memory.used - held;
        optimizer.free();
        for (const { value, gradient } of parameters) [value, gradient!].forEach(device.free);
        assertEquals(device.memory.used, before);
      });
      return most;
    };
    // Moments of its rows, and values and gradients of them.
    assertLess(await used(4), 0.75 * await used(1));
  } finally {
    await device.close();
  }
});
