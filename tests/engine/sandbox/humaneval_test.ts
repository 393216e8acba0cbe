import { assertEquals } from "@std/assert";
import { PythonSandbox } from "../../../lib/engine/sandbox/mod.ts";
import { humanEvalPrograms, type Variant } from "./humaneval_programs.ts";

const EVERY = 16;

/** One program that runs the programs in turn and prints the names of those that pass. */
function together(programs: [string, string][]): string {
  const json = JSON.stringify(JSON.stringify(programs));
  return `
import json
for name, program in json.loads(${json}):
    try: exec(program, {})
    except BaseException: continue
    print(name)
`;
}

const expected: [Variant, string[]][] = [
  ["solution", humanEvalPrograms("solution").map(([name]) => name)],
  ["without its last line", []],
  ["pass", []],
];

// A fresh interpreter for each of the 492 programs takes minutes: bench/python_sandbox.ts does so.
Deno.test("of HumanEval's programs, all 164 solutions pass and nothing else does", async (t) => {
  await using sandbox = new PythonSandbox({ timeoutMs: 60_000 });
  for (const [variant, names] of expected) {
    await t.step(variant, async () => {
      const { stdout, error } = await sandbox.run(together(humanEvalPrograms(variant)));
      assertEquals(error, null);
      assertEquals(stdout.split("\n").filter((line) => line.startsWith("HumanEval/")), names);
    });
  }
});

Deno.test(`so it is for every ${EVERY}th in an interpreter of its own`, async () => {
  await using sandbox = new PythonSandbox();
  for (const [variant, names] of expected) {
    const programs = humanEvalPrograms(variant).filter((_, index) => index % EVERY === 0);
    for (const [name, program] of programs) {
      assertEquals(
        (await sandbox.run(program)).success,
        names.includes(name),
        `${name} ${variant}`,
      );
    }
  }
});
