/**
 * Runs HumanEval's 164 solutions, each also without its last line and with its body replaced by
 * `pass`, every program in an interpreter of its own; says which did not end as they should and
 * how long a program took: `deno run -A bench/python_sandbox.ts`.
 */

import { PythonSandbox } from "../lib/engine/sandbox/mod.ts";
import { humanEvalPrograms } from "../tests/engine/sandbox/humaneval_programs.ts";

await using sandbox = new PythonSandbox();
await sandbox.run("");

let wrong = 0;
for (const variant of ["solution", "without its last line", "pass"] as const) {
  const start = performance.now();
  const programs = humanEvalPrograms(variant);
  const queue = programs.values();
  const lane = async () => {
    for (const [name, program] of queue) {
      const { success, error } = await sandbox.run(program);
      if (success === (variant === "solution")) continue;
      wrong++;
      console.log(`${name}, ${variant}: ${error ?? "passed"}`);
    }
  };
  await Promise.all([lane(), lane()]);
  const each = (performance.now() - start) / programs.length;
  console.log(`${programs.length} programs, ${variant}: ${each.toFixed(0)} ms each`);
}
console.log(`${wrong} of 492 programs did not end as they should`);
Deno.exitCode = wrong > 0 ? 1 : 0;
