/** A flag that takes a number or a word. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { commandOf } from "../../cli/command.ts";
import { baseOptions, sftOptions } from "../../cli/options.ts";
import { UserError } from "../../lib/errors.ts";

/** What `sft` is given for the flag. */
async function parse(...args: string[]): Promise<unknown> {
  let rows: unknown;
  const command = commandOf("sft", {
    run: (given) => {
      rows = sftOptions(given).deviceBatchSize;
      return Promise.resolve();
    },
  });
  await command.noExit().parse(args);
  return rows;
}

Deno.test("--device-batch-size is a number or auto", async () => {
  assertEquals(await parse("--device-batch-size", "auto"), "auto");
  assertEquals(await parse("--device-batch-size", "8"), 8);
  assertEquals(await parse(), undefined);
  for (const text of ["many", "", "AUTO"]) {
    await assertRejects(
      () => parse("--device-batch-size", text),
      UserError,
      `--device-batch-size must be a whole number from 1 or auto, but is "${text}"`,
    );
  }
  for (const text of ["0", "2.5", "Infinity"]) {
    await assertRejects(
      () => parse("--device-batch-size", text),
      UserError,
      "a whole number from 1",
    );
  }
  assertEquals(sftOptions({ deviceBatchSize: "auto" }).deviceBatchSize, "auto");
  assertEquals(baseOptions<"auto">({ deviceBatchSize: "auto" }).deviceBatchSize, "auto");
  assertEquals(baseOptions().deviceBatchSize, 8);
  assertThrows(() => sftOptions({ deviceBatchSize: "all" as "auto" }), UserError, "whole number");
});
