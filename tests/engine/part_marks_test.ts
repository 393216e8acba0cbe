import { assertEquals } from "@std/assert";
import { readPartMarks } from "../../lib/engine/mod.ts";

Deno.test("tool use in plain text is read back only where the calculator answers so", () => {
  const text = (text: string) => ({ type: "text", text });
  const use = (python: string, result: string) => [
    { type: "python", text: python },
    { type: "python_output", text: result },
  ];
  const cases: [string, unknown[]][] = [
    ["", []],
    ["[6*7 = 42]", use("6*7", "42")],
    ["It is [6*7 = 42]42, [1/2 = 0.5].", [
      text("It is "),
      ...use("6*7", "42"),
      text("42, "),
      ...use("1/2", "0.5"),
      text("."),
    ]],
    ["['strawberry'.count('r') = 3]", use("'strawberry'.count('r')", "3")],
    ["[[6*7 = 42]]", [text("["), ...use("6*7", "42"), text("]")]],
    ...["[6*7 = 43]", "[x = 42]", "[6*7=42]", "[6*7 = 42", "[6*7]", "[a](b = c)"]
      .map((plain): [string, unknown[]] => [plain, [text(plain)]]),
  ];
  for (const [plain, parts] of cases) assertEquals(readPartMarks(plain), parts);
});
