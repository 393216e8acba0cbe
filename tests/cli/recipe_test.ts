/** The flag `--recipe`, which `inspect` takes alone too. */
import { assertEquals, assertRejects } from "@std/assert";
import { ValidationError } from "@cliffy/command";
import { commandOf } from "../../cli/command.ts";
import type { CommandName } from "../../cli/flag.ts";
import { completeFlags } from "../../cli/options.ts";
import { UserError } from "../../lib/errors.ts";

/** The recipe that a command was given, and the one that it takes. */
async function parse(command: CommandName, ...args: string[]) {
  let recipes: unknown[] = [];
  const program = commandOf(command, {
    run: (given) => {
      const all = completeFlags(command, given) as { recipe?: string };
      recipes = [(given as { recipe?: string }).recipe, all.recipe];
      return Promise.resolve();
    },
  });
  await program.noExit().parse(args);
  return recipes;
}

Deno.test("a recipe is May's unless given, and inspect shows all where it is given at all", async () => {
  for (const command of ["sft", "eval", "inspect"] as const) {
    assertEquals(await parse(command), [undefined, "may2026"]);
    assertEquals(await parse(command, "--recipe", "newest"), ["newest", "newest"]);
    await assertRejects(
      () => parse(command, "--recipe", "june2026"),
      UserError,
      "--recipe must be may2026 or newest",
    );
  }
  assertEquals(await parse("inspect", "--recipe"), ["may2026", "may2026"]);
  assertEquals(await parse("inspect", "--packing", "--recipe"), ["may2026", "may2026"]);
  await assertRejects(() => parse("sft", "--recipe"), ValidationError, "--recipe");
});
