import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../lib/errors.ts";
import { formatJson, parseJson } from "../lib/json.ts";

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
