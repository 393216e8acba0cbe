import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { calculate } from "../../lib/engine/calculator.ts";
import { ToolUse } from "../../lib/engine/tool_use.ts";
import { type ContentPart, SPECIAL_TOKENS, Tokenizer } from "../../lib/tokenizer/mod.ts";

const fixture = (name: string) => new URL(`../fixtures/${name}`, import.meta.url);
const tokenizer = await Tokenizer.load(new DiskFolder(fixture("tokenizer").pathname));
const special = Object.fromEntries(
  SPECIAL_TOKENS.map((name) => [name.slice(2, -2), tokenizer.encodeSpecial(name)]),
);

interface Row {
  question: string;
  answer: string;
}
const rows: Row[] = Deno.readTextFileSync(fixture("gsm8k_slice.jsonl")).trim().split("\n")
  .map((line) => JSON.parse(line));

/** The answer's prose and `<<expression=result>>` calls, as a model trained on them writes it. */
function parts({ answer }: Row): ContentPart[] {
  return answer.split(/(<<.*?>>)/).flatMap((text): ContentPart[] => {
    if (!text.startsWith("<<")) return [{ type: "text", text }];
    const [expression, result] = text.slice(2, -2).split("=");
    return [{ type: "python", text: expression }, { type: "python_output", text: result }];
  });
}

/** Feeds what a scripted model samples, and returns the row that comes of it. */
function drive(script: Iterable<number>): { tokens: number[]; forced: number[]; row: ToolUse } {
  const row = new ToolUse(tokenizer);
  const steps = [];
  for (const sampled of script) {
    steps.push(row.next(sampled));
    if (row.completed) break;
  }
  return {
    row,
    tokens: steps.map((step) => step.token),
    forced: steps.filter((step) => step.forced).map((step) => step.token),
  };
}

function call(expression: string): number[] {
  return [special.python_start, ...tokenizer.encode(expression), special.python_end];
}

function output(result: string): number[] {
  return [special.output_start, ...tokenizer.encode(result), special.output_end];
}

Deno.test("the calculator agrees with GSM8K's own results", () => {
  const calls = rows.flatMap((row) => [...row.answer.matchAll(/<<(.*?)=(.*?)>>/g)]);
  assert(calls.length > 100);
  for (const [text, expression, result] of calls) {
    assertAlmostEquals(Number(calculate(expression)), Number(result), 1e-9, text);
  }
});

Deno.test("a scripted model solves GSM8K rows with the calculator's results, not its own", () => {
  for (const row of rows) {
    const script: number[] = [];
    const expected: number[] = [];
    for (const { type, text } of parts(row)) {
      if (type === "text") {
        script.push(...tokenizer.encode(text));
        expected.push(...tokenizer.encode(text));
      } else if (type === "python") {
        const answer = output(calculate(text)!);
        // What the model samples in the meantime must not matter, not even where it ends the turn.
        script.push(...call(text), ...answer.map(() => special.assistant_end));
        expected.push(...call(text), ...answer);
      }
    }
    const driven = drive([...script, special.assistant_end, ...tokenizer.encode("never said")]);
    assertEquals(driven.tokens, [...expected, special.assistant_end]);
    assert(driven.row.completed);
  }
});

Deno.test("an expression without a result forces nothing", () => {
  for (const expression of ["", "2**10", "1/0", "import os", "x + 1"]) {
    const script = [...call(expression), ...tokenizer.encode(" so it is"), special.assistant_end];
    const driven = drive(script);
    assertEquals(driven.tokens, script);
    assertEquals(driven.forced, []);
  }
});

Deno.test("letters are counted in the text that the ids spell", () => {
  const driven = drive([...call("'strawberry'.count('r')"), 0, 0, 0]);
  assertEquals(driven.forced, output("3"));
});

Deno.test("an end without a start is nothing, and a second start begins anew", () => {
  assertEquals(drive([...tokenizer.encode("2+2"), special.python_end, 0, 0]).forced, []);
  const restarted = [special.python_start, ...tokenizer.encode("100"), ...call("2+2")];
  assertEquals(drive([...restarted, 0, 0, 0]).forced, output("4"));
});

Deno.test("two calls in a row are both answered", () => {
  assertEquals(
    drive([...call("1+1"), 0, 0, 0, ...call("2*3"), 0, 0, 0]).forced,
    [...output("2"), ...output("6")],
  );
});

Deno.test("bos completes a row, also within an expression", () => {
  const driven = drive([special.python_start, tokenizer.bosId, 0]);
  assertEquals(driven.tokens, [special.python_start, tokenizer.bosId]);
  assert(driven.row.completed);
});
