import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join, relative, resolve, SEPARATOR } from "@std/path";
import config from "../deno.json" with { type: "json" };
import { BROWSER_ROOMS, HOST_ONLY } from "./browser_rooms.ts";
import { OtherProject } from "./other_project.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What every folder of `lib/` may import: files of `lib/` itself, random numbers, and ranks. */
const GROUND = ["lib", "lib/random", "lib/ranks"];
/** The parts that know nothing of each other's work, but for the arrows named. */
const PARTS: Record<string, string[]> = {
  "lib/checkpoint": [],
  "lib/dataloader": [],
  "lib/device": ["kernels"],
  "lib/model": ["lib/device"],
  "lib/optim": ["lib/device"],
  "lib/hub": [],
  "lib/tasks": ["lib/hub"],
  "lib/tokenizer": ["lib/checkpoint"],
  "lib/tracking": [],
};
const parts = Object.keys(PARTS);
/** Which folders each folder may import, from the ground up; see CONTRIBUTING.md for the picture. */
const ALLOWED: Record<string, string[]> = {
  "kernels": [],
  "lib": [],
  "lib/random": [],
  "lib/ranks": [],
  ...PARTS,
  "lib/engine": ["lib/device", "lib/model", "lib/tokenizer"],
  "lib/eval": ["lib/device", "lib/engine", "lib/model", "lib/tasks", "lib/tokenizer"],
  "lib/training": [...parts, "lib/engine", "lib/eval"],
  // One thing a person asks for each; never each other.
  "lib/sft": [...parts, "lib/engine", "lib/eval", "lib/training"],
  "lib/base": [...parts, "lib/engine", "lib/eval", "lib/training"],
  "lib/chat": [...parts, "lib/engine", "lib/eval", "lib/training"],
  // Beside them, the page that it hands out.
  "lib/serve": [...parts, "lib/engine", "lib/training", "web"],
  "lib/inspect": [...parts, "lib/engine", "lib/eval", "lib/training"],
  "lib/export": [...parts, "lib/engine", "lib/eval", "lib/training"],
  "lib/pull": [...parts, "lib/training"],
};

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* sources(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

/** `lib/model` of `lib/model/gpt.ts`, `kernels` of `kernels/cpu/x.wasm`, `lib` of `lib/errors.ts`. */
function part(path: string): string {
  const [first, ...rest] = relative(root, path).split(/[\\/]/);
  return first === "lib" && rest.length > 1 ? `lib/${rest[0]}` : first;
}

/** Whether `{ type A, b } from "…"` brings more than types. */
function hasValues(imported: string): boolean {
  const names = /\{([^}]*)\}/.exec(imported)?.[1].split(",") ?? [imported];
  return names.some((name) => name.trim() !== "" && !name.trim().startsWith("type "));
}

/** The files that a file imports, for their types alone too. */
async function importsOf(path: string): Promise<string[]> {
  const text = await Deno.readTextFile(path);
  const imports = text.matchAll(
    /^(?:import|export|\}).*? from "(\.[^"]+)"|^import "(\.[^"]+)"|\bimport\("(\.[^"]+)"/gm,
  );
  return Array.from(imports, (found) => resolve(dirname(path), found.slice(1).find(Boolean)!));
}

Deno.test("folders import only what lies below them", async () => {
  const folders = [...Deno.readDirSync(join(root, "lib"))].filter((entry) => entry.isDirectory);
  const known = Object.keys(ALLOWED).filter((folder) => folder.startsWith("lib/"));
  assertEquals(folders.map(({ name }) => `lib/${name}`).sort(), known.sort());
  const wrong: string[] = [];
  for (const [folder, allowed] of Object.entries(ALLOWED)) {
    const ground = folder.startsWith("lib") ? GROUND : [];
    for await (const path of sources(join(root, folder))) {
      if (part(path) !== folder) continue;
      for (const target of await importsOf(path)) {
        if ([folder, ...ground, ...allowed].includes(part(target))) continue;
        wrong.push(`${relative(root, path)} imports ${relative(root, target)}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("no file imports itself by way of others", async () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = async (path: string, way: string[]) => {
    if (way.includes(path)) {
      const circle = [...way.slice(way.indexOf(path)), path];
      circles.push(circle.map((file) => relative(root, file)).join(" -> "));
    }
    if (done.has(path) || !path.endsWith(".ts")) return;
    done.add(path);
    for (const target of await importsOf(path)) await visit(target, [...way, path]);
  };
  for await (const path of sources(join(root, "lib"))) await visit(path, []);
  assertEquals(circles, []);
});

Deno.test("rooms that run in a browser, and the ground, do without Deno and Node", async () => {
  const rooms = Object.keys(BROWSER_ROOMS).map((room) => join(root, room));
  const hosts = Object.entries(BROWSER_ROOMS)
    .flatMap(([room, names]) => names.map((name) => join(root, room, name)));
  const liesIn = (path: string, places: string[]) =>
    places.some((place) => path === place || path.startsWith(place + SEPARATOR));
  const wrong: string[] = [];
  for await (const path of sources(join(root, "lib"))) {
    const isClean = part(path) === "lib" || liesIn(path, rooms) && !liesIn(path, hosts);
    if (!isClean) continue;
    const code = (await Deno.readTextFile(path)).replace(/\/\*[^]*?\*\/|(?<!:)\/\/.*/g, "");
    const line = code.split("\n").find((line) => HOST_ONLY.test(line));
    if (line !== undefined) wrong.push(`${relative(root, path)}: ${line.trim()}`);
    // Their entries bring the host with them; types do not.
    for (const [, imported] of code.matchAll(/^(?:import|export) (?!type )([^;]*);/gm)) {
      if (/\/(?:device|tasks)\/mod\.ts"$/.test(imported) && hasValues(imported)) {
        wrong.push(`${relative(root, path)}: import ${imported}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("no part below the command line knows a flag", async () => {
  const wrong: string[] = [];
  for await (const path of sources(join(root, "lib"))) {
    // Deno's own flags, which start the sandbox.
    if (path.endsWith(join("sandbox", "process.ts"))) continue;
    const lines = (await Deno.readTextFile(path)).split("\n");
    lines.forEach((line, i) => {
      const code = line.replace(/^\s*(\*|\/\/|\/\*).*/, "");
      if (/(?<![\w-])--(?!this\.)[a-z][a-z-]{2,}/.test(code)) {
        wrong.push(`${relative(root, path)}:${i + 1}${line}`);
      }
    });
  }
  assertEquals(wrong, []);
});

Deno.test("every export can be imported alone from another project", async (t) => {
  await using project = await OtherProject.create();
  for (const name of Object.keys(config.exports)) {
    const specifier = config.name + name.slice(1);
    await t.step(specifier, async () => {
      await project.write(
        "main.ts",
        `import * as part from "${specifier}";\nconsole.log(Object.keys(part).length > 0);\n`,
      );
      const { stdout, stderr } = await project.run("main.ts");
      assertEquals(stdout, "true\n", stderr);
    });
  }
});
