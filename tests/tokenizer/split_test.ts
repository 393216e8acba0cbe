import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { compileSplitPattern, SPLIT_PATTERN, splitText } from "../../lib/tokenizer/split.ts";
import { randomNumbers, randomText, scanPieces } from "./reference.ts";

const split = (text: string, pattern: string) => [...splitText(text, compileSplitPattern(pattern))];

Deno.test("nanochat's pattern splits random Unicode text as a hand-written scanner does", () => {
  const random = randomNumbers(1);
  const splitter = compileSplitPattern(SPLIT_PATTERN);
  for (let i = 0; i < 5000; i++) {
    const text = randomText(random, 30);
    assertEquals([...splitText(text, splitter)], scanPieces(text));
  }
});

Deno.test("nanochat's pattern sorts every character of the basic plane as the scanner does", () => {
  const splitter = compileSplitPattern(SPLIT_PATTERN);
  for (let start = 0; start < 0x10000; start += 0x100) {
    if (start >= 0xd800 && start < 0xe000) continue;
    let text = "";
    for (let code = start; code < start + 0x100; code++) {
      const char = String.fromCharCode(code);
      text += `a${char}b ${char}${char} '${char}\n`;
    }
    assertEquals([...splitText(text, splitter)], scanPieces(text));
  }
});

Deno.test("white space is Unicode's: NEL is, the byte order mark is not", () => {
  assertEquals(split("a\u0085\u0085b", SPLIT_PATTERN), ["a", "\u0085", "\u0085b"]);
  assertEquals(split("1\ufeff\ufeff2", SPLIT_PATTERN), ["1", "\ufeff\ufeff", "2"]);
});

Deno.test("possessive quantifiers give nothing back", () => {
  assertEquals(split("aaab", "a++a|a|b"), ["a", "a", "a", "b"]);
  assertEquals(split("aaab", "a+a|a|b"), ["aaa", "b"]);
  assertEquals(split("abab", "(?:ab)?+ab|ab|a|b"), ["abab"]);
  assertEquals(split("ab", "(?:ab)?+ab|a|b"), ["a", "b"]);
  assertEquals(split("111", String.raw`\d{1,2}+\d`), ["111"]);
  assertThrows(() => split("11", String.raw`\d{1,2}+\d`), UserError, "matches nothing at");
  assertEquals(split("xyyx", "(x|y)++"), ["xyyx"]);
});

Deno.test("GPT-4's own pattern works too", () => {
  const pattern = String
    .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`;
  assertEquals(split("It's 12345 ok?!\n  x  ", pattern), [
    ...["It", "'s", " ", "123", "45", " ok", "?!\n", " ", " x", "  "],
  ]);
});

Deno.test("a pattern without an equivalent is refused by name", () => {
  for (
    const pattern of [
      String.raw`\w+`,
      String.raw`\bx`,
      "(x",
      "(?P<n>x)",
      String.raw`\hx`,
      "[a-z&&[^b]]",
      "[[:alpha:]]",
    ]
  ) {
    const error = assertThrows(() => compileSplitPattern(pattern), UserError);
    assertMatch(error.message, /cannot use the tokenizer's split pattern/);
  }
});

Deno.test("text that the pattern does not cover is an error, not lost", () => {
  assertThrows(() => split("ab", "a"), UserError, "matches nothing at character 1");
  assertThrows(() => split("ab", "a*"), UserError, "matches nothing at character 1");
});

Deno.test("a piece too long for the engine is an error for people", () => {
  assertThrows(() => split("漢".repeat(1e7), SPLIT_PATTERN), UserError, "break it up before");
  assertEquals(split("a".repeat(1e6), SPLIT_PATTERN).length, 1);
});
