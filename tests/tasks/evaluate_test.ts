import { assertEquals } from "@std/assert";
import {
  CompactRows,
  finalAnswer,
  GSM8K,
  HumanEval,
  MMLU,
  SimpleSpelling,
  SpellingBee,
} from "../../lib/tasks/mod.ts";
import type { ContentPart } from "../../lib/conversation.ts";

function rows(...all: Record<string, unknown>[]): CompactRows {
  const kept = new CompactRows("rows");
  for (const row of all) kept.add(row);
  return kept;
}

Deno.test("the final answer is the first one, as text without commas", () => {
  assertEquals(finalAnswer("#### 12\n#### 13"), "12");
  assertEquals(finalAnswer("so\n#### -1,234.50 dollars"), "-1234.50");
  assertEquals(finalAnswer("#### $5"), null);
  assertEquals(finalAnswer("####5"), null);
});

Deno.test("GSM8K compares final answers and accepts none for none", () => {
  const task = new GSM8K(rows({ question: "?", answer: "3*4=<<3*4=12>>12\n#### 1,012" }));
  const problem = task.get(0);
  assertEquals(task.evaluate(problem, "I think\n#### 1012"), true);
  assertEquals(task.evaluate(problem, "#### 1012."), false);
  assertEquals(task.evaluate(problem, "1012"), false);
});

Deno.test("MMLU wants the letter alone", () => {
  const choices = ["w", "x", "y", "z"];
  const task = new MMLU(rows({ question: "?", choices, answer: 2, subject: "" }));
  assertEquals(task.evaluate(task.get(0), "C"), true);
  assertEquals(task.evaluate(task.get(0), "A"), false);
});

Deno.test("HumanEval runs imports, fenced code and test", async () => {
  const programs: string[] = [];
  const runPython = (program: string) => {
    programs.push(program);
    return Promise.resolve({ success: program.includes("return 1") });
  };
  const row = {
    prompt: "# head\nfrom typing import List\n  import math\n\ndef one():\n    import os\n",
    canonical_solution: "    return 1\n",
    entry_point: "one",
    test: "def check(f):\n    assert f() == 1",
  };
  const task = new HumanEval(rows(row), runPython);
  const completion = "Sure:\n```python\ndef one():\n    return 1\n```\nand\n```\nother\n```";
  assertEquals(await task.evaluate(task.get(0), completion), true);
  assertEquals(await task.evaluate(task.get(0), " def one(): pass\n"), false);
  const tail = "\n\ndef check(f):\n    assert f() == 1\ncheck(one)";
  assertEquals(programs, [
    "from typing import List\nimport math\n\ndef one():\n    return 1" + tail,
    "from typing import List\nimport math\n\ndef one(): pass" + tail,
  ]);
});

const WORDS = ["strawberry", "bee", "queue", "rhythm", "banana", "mississippi", "fjord"];

Deno.test("SpellingBee's answers spell, count and check their own count", () => {
  for (const split of ["train", "test"] as const) {
    const task = new SpellingBee(WORDS, { size: 300, split });
    for (let i = 0; i < task.length; i++) {
      const [user, assistant] = task.get(i).messages;
      const parts = assistant.content as ContentPart[];
      assertEquals(parts.map((part) => part.type), ["text", "python", "python_output", "text"]);
      const [, word, letter] = /^'(\w+)'\.count\('(\w)'\)$/.exec(parts[1].text)!;
      const count = word.split(letter).length - 1;
      assertEquals((user.content as string).includes(word), true);
      assertEquals(parts[0].text.includes(`${word}: ${[...word].join(" ")}\n`), true);
      assertEquals(parts[0].text.match(/\(\d+\)/g)?.length ?? 0, count);
      assertEquals(parts[2].text, `${count}`);
      assertEquals(finalAnswer(parts[3].text), `${count}`);
      assertEquals(/[{}]/.test(user.content as string), false);
    }
  }
});

Deno.test("spelling examples depend on index and split alone", () => {
  const make = (split: "train" | "test", step: number) =>
    new SimpleSpelling(WORDS, { size: 200, split, step });
  const train = make("train", 1);
  assertEquals(make("train", 7).get(3), train.get(21));
  const all = (task: SimpleSpelling) => Array.from({ length: 200 }, (_, i) => task.get(i));
  assertEquals(JSON.stringify(all(make("test", 1))) === JSON.stringify(all(train)), false);
  const asked = new Set(all(train).map((c) => c.messages[0].content));
  assertEquals(asked.size > 100, true);
  const problem = train.get(0);
  assertEquals(train.evaluate(problem, ` ${problem.messages[1].content}\n`), true);
  assertEquals(train.evaluate(problem, "bee: b e"), false);
});
