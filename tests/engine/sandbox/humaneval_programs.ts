/** HumanEval's solutions and two ways of breaking each, as programs for the sandbox. */

interface Row {
  task_id: string;
  prompt: string;
  canonical_solution: string;
  test: string;
  entry_point: string;
}

/** A way to write the body of a row's function. */
export type Variant = "solution" | "without its last line" | "pass";

const BODIES: Record<Variant, (solution: string) => string> = {
  "solution": (solution) => solution,
  "without its last line": (solution) => solution.trimEnd().split("\n").slice(0, -1).join("\n"),
  "pass": () => "    pass\n",
};

const file = await Deno.open(new URL("../../fixtures/humaneval.jsonl.gz", import.meta.url));
const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).text();
const rows: Row[] = text.trim().split("\n").map((line) => JSON.parse(line));

/** The 164 programs, by the name of their task. */
export function humanEvalPrograms(variant: Variant): [name: string, program: string][] {
  return rows.map(({ task_id, prompt, canonical_solution, test, entry_point }) => [
    task_id,
    `${prompt}${BODIES[variant](canonical_solution)}\n${test}\ncheck(${entry_point})\n`,
  ]);
}
