import { assertEquals, assertThrows } from "@std/assert";
import { expandTemplate } from "../../lib/device/webgpu/template.ts";

/** The lines that are left. */
function expand(source: string, values: Parameters<typeof expandTemplate>[1] = {}): string[] {
  return expandTemplate(source, values).split("\n").map((line) => line.trim());
}

Deno.test("values and expressions", () => {
  assertEquals(expand("let a$[i]_$i = $[(i + 1) * 2 - 7 / 2]u;", { i: 3 }), ["let a3_3 = 5u;"]);
  assertEquals(expand("alias E = $TYPE;", { TYPE: "vec4f" }), ["alias E = vec4f;"]);
  assertEquals(expand("$[7 - 2 - 1] $[7 % 4 < 4] $[!A] $[2 * 3 == 6]", { A: true }), ["4 1 0 1"]);
  assertThrows(() => expand("$missing"), Error, "missing is unknown");
});

Deno.test("loops, also nested and empty", () => {
  const source = `//# for i < N
    //# for j < i + 1
    a$i b$j
    //# end
    //# end`;
  assertEquals(expand(source, { N: 2 }), ["a0 b0", "a1 b0", "a1 b1"]);
  assertEquals(expand(source, { N: 0 }), [""]);
});

Deno.test("conditions, also nested", () => {
  const source = `//# if A
    //# if B
    both
    //# else
    a
    //# end
    //# else
    //# if B
    b
    //# end
    //# end
    always`;
  assertEquals(expand(source, { A: true, B: true }), ["both", "always"]);
  assertEquals(expand(source, { A: true, B: false }), ["a", "always"]);
  assertEquals(expand(source, { A: false, B: true }), ["b", "always"]);
  assertEquals(expand(source, { A: 0, B: 0 }), ["always"]);
});

Deno.test("a block that is not closed, or not opened, is an error that shows the line", () => {
  const wrong: [source: string, message: string][] = [
    ["a\n//# for i < 2\nb", '"//# for i < 2" (line 2) has no //# end'],
    ["//# if 1\na", '"//# if 1" (line 1) has no //# end'],
    ["//# if 0\na", '"//# if 0" (line 1) has no //# end'],
    ["//# if 1\na\n//# else\nb", '"//# if 1" (line 1) has no //# end'],
    ["//# if 0\n//# for i < 2\n//# end", '"//# if 0" (line 1) has no //# end'],
    ["a\n//# end", '"//# end" (line 2) belongs to no block'],
    ["//# else", '"//# else" (line 1) belongs to no block'],
    ["//# for i < 2\n//# else\n//# end", '"//# else" (line 2) belongs to no block'],
    ["//# if 1\n//# else\n//# else\n//# end", '"//# else" (line 3) belongs to no block'],
    ["  //# fi", '"//# fi" (line 1) is no line of the template language'],
    ["//#", '"//#" (line 1) is no line of the template language'],
    ["//# for i\n//# end", '"//# for i" (line 1) is not i < LIMIT'],
  ];
  for (const [source, message] of wrong) assertThrows(() => expand(source), Error, message);
});
