import { assertEquals } from "@std/assert";
import { calculate } from "../../lib/engine/calculator.ts";
import tokens from "../fixtures/tokens.json" with { type: "json" };

/** What Python 3 gives for `str(eval(expression))`, null where that fails or is not allowed. */
const PYTHON: Record<string, string | null> = {
  "1/3": "0.3333333333333333",
  "2/3*3": "2.0",
  "0.1*3": "0.30000000000000004",
  "1e0": null,
  "10000000000000000*1.0": "1e+16",
  "9999999999999998*1.0": "9999999999999998.0",
  "123456789012345678*1.0": "1.2345678901234568e+17",
  "1/10000": "0.0001",
  "1/100000": "1e-05",
  "3/70000": "4.2857142857142856e-05",
  "-1/100000000000": "-1e-11",
  "5.": "5.0",
  "5.*2": "10.0",
  ".5+.5": "1.0",
  "00": "0",
  "007": null,
  "0.0": "0.0",
  "-0.0": "-0.0",
  "0/-5": "-0.0",
  "0*-1": "0",
  "0.0*-1": "-0.0",
  "-7//2": "-4",
  "7//-2": "-4",
  "-7.0//2": "-4.0",
  "7.5//-2": "-4.0",
  "1//0.1": "9.0",
  "0.3//0.1": "2.0",
  "-0.0//3": "-0.0",
  "1.0//0": null,
  "5--5": "10",
  "5+-+3": "2",
  "-(3)": "-3",
  "((((2))))": "2",
  "2(3)": null,
  "()": null,
  "2 3": null,
  "1.2.3": null,
  "1 .5": null,
  "1..5": null,
  "*2": null,
  "2*": null,
  "9007199254740993/2": "4503599627370496.0",
  "9007199254740993/3": "3002399751580331.0",
  "18014398509481985/18014398509481984": "1.0",
  "99999999999999999999999999*99999999999999999999999999+1":
    "9999999999999999999999999800000000000000000000000002",
  "1,234,567+1": "1234568",
  "1,2,3": "123",
  "0,5+1": null,
  "2**3": null,
  "2* *3": null,
  "5%": null,
  "$5": null,
  "2\n": null,
  "\t2": null,
  "5 / 2": "2.5",
  "100000000000000000000/3": "3.333333333333333e+19",
  "1.10": "1.1",
  "1000000*1000000.0": "1000000000000.0",
  "12345678.9*10": "123456789.0",
  "1_000": null,
};

Deno.test("calculate answers as the reference lists", () => {
  for (const { expression, result } of tokens.calculator) {
    assertEquals(calculate(expression), result, expression);
  }
});

Deno.test("calculate answers as Python does", () => {
  for (const [expression, result] of Object.entries(PYTHON)) {
    assertEquals(calculate(expression), result, expression);
  }
});

Deno.test("calculate counts letters in a word, whatever the word", () => {
  assertEquals(calculate("'important'.count('t')"), "2");
  assertEquals(calculate(" 'aaaa'.count('aa') "), "2");
  assertEquals(calculate("'abc'.count('')"), "4");
  assertEquals(calculate("'The cat. (sat)'.count('t')"), "2");
  assertEquals(calculate("\"banana\".count('an')"), "2");
  assertEquals(calculate("'banana\".count('a')"), null);
  assertEquals(calculate("'a'.count('a') + 1"), null);
  assertEquals(calculate("'a'.count('a').bit_length()"), null);
  assertEquals(calculate("'a'.count(b)"), null);
});

Deno.test("calculate refuses what is too long, and answers what is deep", () => {
  assertEquals(calculate("1+".repeat(127) + "1"), "128");
  assertEquals(calculate("(".repeat(127) + "7" + ")".repeat(127)), "7");
  assertEquals(calculate("9".repeat(256)), "9".repeat(256));
  assertEquals(calculate("9".repeat(257)), null);
});
