import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../lib/errors.ts";
import { findJsonFault, formatJson, parseJson } from "../lib/json.ts";

Deno.test("numbers that Python writes and JSON lacks are read, and left alone inside strings", () => {
  assertEquals(parseJson("[NaN,Infinity , -Infinity]"), [NaN, Infinity, -Infinity]);
  assertEquals(parseJson('{"best": Infinity, "a": [1, -0.5e3], "b": {"c": NaN}}'), {
    best: Infinity,
    a: [1, -500],
    b: { c: NaN },
  });
  assertEquals(parseJson("-Infinity"), -Infinity);
  const texts = ["NaN", "[NaN, -Infinity]", 'a \\" NaN', "\\", '"', "Infinity\\", "0E9", "a\nNaN"];
  assertEquals(parseJson(`[NaN, ${texts.map((text) => JSON.stringify(text))}]`), [NaN, ...texts]);
  const long = '\\" '.repeat(3e6);
  assertEquals(parseJson(`[${JSON.stringify(long)}, NaN]`), [long, NaN]);
});

Deno.test("a byte-order mark is passed over, at the start alone", () => {
  assertEquals(parseJson('\ufeff{"a": Infinity}'), { a: Infinity });
  assertEquals(parseJson('\ufeff"\ufeff"'), "\ufeff");
  assertThrows(() => parseJson("[1,\ufeff2]"), UserError);
});

Deno.test("what is no JSON is one line that says where", () => {
  const place: [string, string][] = [
    ['{"a": NaN,\n "b": Infinity, c}', "line 2 column 17"],
    ["[NaN,\n-Infinity 3]", "line 2 column 11"],
    ['{\n"a": x}\u001b[2J', "Unexpected token 'x'"],
    ["", "Unexpected end"],
    ["[".repeat(2e5) + "NaN", ""],
    ["[".repeat(2e5) + "NaN" + "]".repeat(2e5), ""],
  ];
  for (const [text, reason] of place) {
    const { message } = assertThrows(() => parseJson(text), UserError, reason);
    assertEquals(/\p{Cc}/u.test(message), false, message);
  }
  const none = ["nan", "inf", "+Infinity", "- Infinity", "NaNs", "1.NaN", "1NaN", "NaN.5", "--NaN"];
  for (const text of [...none, "-NaN", "[NaN", "Infinity1", "'NaN'", '"NaN', "{NaN: 1}"]) {
    assertThrows(() => parseJson(text), UserError, "is not valid JSON", text);
  }
});

Deno.test("what was read is written so that Python reads it back", () => {
  const value = {
    best: Infinity,
    worst: [-Infinity, NaN],
    text: "Infinity",
    "NaN": "\\u0000number NaN",
  };
  const json = formatJson(value, 2);
  assertEquals(parseJson(json), value);
  assertEquals(json.match(/: Infinity,|-Infinity,| NaN\n/g)?.length, 3);
  assertEquals(formatJson({ a: [1, null, "x"], b: undefined }), '{"a":[1,null,"x"]}');
});

Deno.test("the first fault of a text is found, also where the engine does not say its place", () => {
  const faults: [text: string, at: number | undefined][] = [
    ['{"a": NaN}', undefined],
    ['{"a": 1, "b" 2}', 13],
    ['\ufeff{"a": NaN, b}', 12],
    ['{"a": "x", "b": ?, "c": [[]]}', 16],
    ["[1, 2,]", 6],
    ["[truu]", 4],
    ["{'a': 1}", 1],
    ['"a\nb"', 2],
    // Only cut off.
    ["", 0],
    ['{"a": 1', 7],
    ['{"a": "x', 8],
    ['{"a": -Infinity', 15],
  ];
  for (const [text, at] of faults) assertEquals(findJsonFault(text)?.at, at, text);
  assertEquals(findJsonFault("[x]"), { at: 1, reason: "Unexpected token 'x'" });
  assertEquals(findJsonFault("[\u001b]"), { at: 1, reason: "Unexpected token '\\u001b'" });
});
