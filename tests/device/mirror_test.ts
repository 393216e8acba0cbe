/** An operation has one place: files of the same name for each device, its kernels and its test. */
import { assert, assertEquals } from "@std/assert";
import { basename } from "@std/path";

const root = new URL("../../", import.meta.url);

/** The files of a folder, by name, with their text. */
function filesOf(folder: string): Map<string, string> {
  const names = [...Deno.readDirSync(new URL(folder, root))].filter(({ isFile }) => isFile)
    .map(({ name }) => name);
  return new Map(
    names.map((name) => [
      basename(name, ".ts"),
      Deno.readTextFileSync(new URL(`${folder}/${name}`, root)),
    ]),
  );
}

const contract = Deno.readTextFileSync(new URL("lib/device/operations.ts", root));
const operations = [
  ...contract.split("export interface Operations {")[1].matchAll(/^ {2}(\w+)\(/gm),
].map(([, name]) => name);

/** Which files define each operation: `name(…)` or `name: (…) =>` of the object they return. */
function placesIn(folder: string): Record<string, string[]> {
  const files = [...filesOf(folder)];
  return Object.fromEntries(operations.map((operation) => {
    const definition = new RegExp(`^ {4}${operation}(: )?\\(`, "m");
    return [operation, files.filter(([, text]) => definition.test(text)).map(([name]) => name)];
  }));
}

const places = placesIn("lib/device/webgpu");

Deno.test("each operation is in one file, of the same name for both devices", () => {
  assert(operations.length > 20);
  for (const [operation, files] of Object.entries(places)) {
    assertEquals(files.length, 1, `${operation} is in ${files.join(" and ") || "no file"}`);
  }
  assertEquals(placesIn("lib/device/cpu"), places);
});

Deno.test("its kernel is in a file of that name as well, and its test in one or a part of one", () => {
  const kernels = filesOf("kernels/cpu/assembly"), tests = [...filesOf("tests/device")];
  for (const [operation, [file]] of Object.entries(places)) {
    assert(kernels.has(file), `kernels/cpu/assembly/${file}.ts`);
    const isTested = tests.some(([name, text]) =>
      name.startsWith("operations_") && name.endsWith(`_${file}_test`) &&
      text.includes(`"${operation}"`)
    );
    assert(isTested, `${operation} in operations_…${file}_test.ts`);
  }
});
