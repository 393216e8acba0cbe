/** How many rows of a micro-batch a device has room for. */
import { assertEquals, assertRejects } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { NEWEST_PARTS } from "../../lib/model_parts.ts";
import { countTraining, mostRows } from "../../lib/training/mod.ts";

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
const T = 64;

Deno.test("the most rows are a power of two that fits and divides the step", async () => {
  const unlimited = await createCpuDevice({ threads: 1 });
  const needs = async (rows: number) => (await countTraining(unlimited, shape, { rows, T })).total;
  for (
    const [limit, total, expected] of [
      [await needs(8), 64, 8],
      [await needs(8) - 1, 64, 4],
      [await needs(1), 64, 1],
      [await needs(1) - 1, 64, 0],
      // Of 12 rows, 8 are no whole part.
      [2 ** 30, 12, 4],
      [2 ** 30, 1, 1],
      [2 ** 30, 7, 1],
    ]
  ) {
    const device = await createCpuDevice({ threads: 1, maxMemoryBytes: limit });
    const settings = { maxSeqLen: T, totalBatchSize: total * T };
    assertEquals(await mostRows(device, shape, settings), expected, `${limit} bytes, ${total}`);
    await device.close();
  }
  await assertRejects(
    () => mostRows(unlimited, shape, { maxSeqLen: T, totalBatchSize: T + 1 }),
    UserError,
    "65 tokens is no multiple",
  );
  await unlimited.close();
});
