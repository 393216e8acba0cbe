import { assertEquals } from "@std/assert";
import { harmless } from "../lib/harmless.ts";

Deno.test("every character that a terminal obeys is written out, and no other", () => {
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCharCode(code);
    const isControl = /\p{Cc}/u.test(character) && character !== "\n" && character !== "\t";
    const isBidi = /[\u202a-\u202e\u2066-\u2069]/.test(character);
    const expected = isControl || isBidi ? `\\u${code.toString(16).padStart(4, "0")}` : character;
    assertEquals(harmless(character), expected);
  }
  assertEquals(harmless("zwei ü 🙂\n\t\u2028"), "zwei ü 🙂\n\t\u2028");
});

Deno.test("JSON stays JSON of the same value", () => {
  const value = { text: "\u009b\u202e\x1b\x7f" };
  assertEquals(JSON.parse(harmless(JSON.stringify(value))), value);
});
