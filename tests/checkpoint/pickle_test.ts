import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { attributesAsMap, OrderedDict, unpickle } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import pickles from "../fixtures/pickles.json" with { type: "json" };

/** A pickle from ASCII text and numbers (single bytes). */
function pickle(...parts: (string | number)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number" ? [part] : [...part].map((c) => c.charCodeAt(0))
    ),
  );
}

/** The message of the UserError that `unpickle` must throw. */
function refusal(bytes: Uint8Array, options = {}): string {
  const { message } = assertThrows(() => unpickle(bytes, options), UserError);
  assertEquals(message.split("\n").length, 1);
  return message;
}

for (const [protocol, base64] of pickles.protocols.entries()) {
  Deno.test(`a pickle of protocol ${protocol} is read`, () => {
    const value = unpickle(Uint8Array.fromBase64(base64)) as Map<unknown, unknown>;
    assertEquals(value.get("none"), null);
    assertEquals(value.get("bools"), [true, false]);
    assertEquals(value.get("ints"), [
      ...[0, 255, 256, 65536, -1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1],
      ...[2n ** 53n, -(2n ** 63n), 2n ** 100n],
    ]);
    assertEquals(value.get("floats"), [1.5, -0.25, 1e-10, Infinity, NaN]);
    assertEquals(value.get("text"), "naïve\n€ 😀 \\x");
    assertEquals(value.get("bytes"), Uint8Array.of(0, 255, 97, 98, 99));
    assertEquals(value.get("empty"), new Uint8Array());
    assertEquals(value.get("tuple"), []);
    assertEquals(value.get("nested"), [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]);
    assertEquals(value.get(3), new Map([["k", [[], new Map()]]]));
    assertInstanceOf(value.get("ordered"), OrderedDict);
    assertEquals([...value.get("ordered") as OrderedDict], [["b", 1], ["a", 2]]);
    const shared = value.get("shared") as unknown[];
    assert(shared[0] === shared[1]);
  });
}

Deno.test("the tokenizer's pickle is read when its class is listed, and refused when not", async () => {
  const path = new URL("../fixtures/tokenizer/tokenizer.pkl", import.meta.url);
  const bytes = await Deno.readFile(path);
  const globals = { "tiktoken.core.Encoding": attributesAsMap };
  const encoding = unpickle(bytes, { globals }) as Map<string, unknown>;
  assertEquals((encoding.get("mergeable_ranks") as Map<unknown, number>).size, 4087);
  assertEquals((encoding.get("special_tokens") as Map<string, number>).get("<|bos|>"), 4087);
  assertStringIncludes(refusal(bytes, { source: "x.pkl" }), 'x.pkl: its pickle asks for "tiktoken');
});

Deno.test("nothing outside the allow-list is reached, in any spelling", () => {
  const calls = [
    pickle("cposix\nsystem\n(S'echo pwned'\ntR."),
    pickle("(S'echo pwned'\niposix\nsystem\n."),
    pickle("(cposix\nsystem\nS'echo pwned'\no."),
    pickle(0x80, 4, 0x8c, 5, "posix", 0x8c, 6, "system", 0x93, ")R."),
  ];
  for (const bytes of calls) assertStringIncludes(refusal(bytes), '"posix.system"');
  for (const name of ["__proto__\nconstructor", "constructor\nprototype", "builtins\neval"]) {
    assertStringIncludes(refusal(pickle(`c${name}\n)R.`)), "not on the list");
  }
  assertStringIncludes(refusal(pickle(0x82, 1, ".")), "unknown opcode");
  assertStringIncludes(refusal(pickle("P0\n.")), "outside itself");
  const globals = { "a.b": {} };
  assertStringIncludes(refusal(pickle("ca\nb\n)R."), { globals }), 'calls "a.b"');
  assertStringIncludes(refusal(pickle("ca\nb\n)b."), { globals }), "gives state");
  assertStringIncludes(refusal(pickle("ccollections\nOrderedDict\n((K", 1, "ttR.")), "Python 2");
});

Deno.test("error messages carry no control characters of the file", () => {
  const message = refusal(pickle("c\x1b[2Jevil\r\nname\n."));
  assert(/^[\x20-\x7e]*$/.test(message), JSON.stringify(message));
});

Deno.test("truncation at every byte is a clear error", () => {
  for (const base64 of pickles.protocols) {
    const bytes = Uint8Array.fromBase64(base64);
    for (let end = 0; end < bytes.length; end++) refusal(bytes.subarray(0, end));
  }
});

Deno.test("changed bytes give a value or a clear error, never another exception", () => {
  for (const base64 of pickles.protocols) {
    const bytes = Uint8Array.fromBase64(base64);
    for (let i = 0; i < bytes.length; i++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const broken = bytes.slice();
        broken[i] ^= flip;
        try {
          unpickle(broken);
        } catch (error) {
          assertInstanceOf(error, UserError);
        }
      }
    }
  }
});

Deno.test("claimed lengths beyond the input allocate nothing", () => {
  refusal(pickle("X\xff\xff\xff\xff", "abc"));
  refusal(pickle(0x8e, "\xff\xff\xff\xff\xff\xff\xff\x7f"));
  refusal(pickle(0x8b, "\xff\xff\xff\x7f"));
  refusal(pickle(0x8b, "\xff\xff\xff\xff"));
  refusal(pickle("L" + "9".repeat(5000) + "\n."));
});

Deno.test("misused stack and memo are clear errors", () => {
  const malformed = [".", "0", "t.", "K\x01a.", "K\x01K\x02a.", "}K\x01K\x02K\x03e.", "h\x00."];
  malformed.push(
    "(K\x01K\x02(s.",
    "}(K\x01u.",
    "](K\x01.",
    "\x8f]a.",
    "]R.",
    "K\x01(\x86.",
    "q\x00",
  );
  for (const text of malformed) refusal(pickle(text));
});

Deno.test("a string cannot be copied over and over", () => {
  const text = "a".repeat(100);
  const once = `X\x64\x00\x00\x00${text}q\x000`;
  const copy = "c_codecs\nencode\n(h\x00X\x06\x00\x00\x00latin1tR0";
  assertStringIncludes(refusal(pickle(once + copy.repeat(100) + "N.")), "over and over");
});

Deno.test("a state cannot be given over and over", () => {
  const globals = { "a.B": attributesAsMap };
  const object = "ca\nB\n)\x81}q\x00K\x01K\x02sb";
  assertEquals(unpickle(pickle(object + "."), { globals }), new Map([[1, 2]]));
  assertStringIncludes(refusal(pickle(object + "h\x00b."), { globals }), "several objects");
});

Deno.test("deep nesting does not overflow the stack", () => {
  const depth = 200_000;
  let value = unpickle(pickle("(".repeat(depth) + "t".repeat(depth) + "."));
  let levels = 0;
  while (Array.isArray(value) && levels < depth) [value, levels] = [value[0], levels + 1];
  assertEquals(levels, depth);
});
