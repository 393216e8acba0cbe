import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join, relative, resolve } from "@std/path";
import config from "../deno.json" with { type: "json" };
import { OtherProject } from "./other_project.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** Which folders each folder may import; all may import `lib/errors.ts` and `lib/conversation.ts`. */
const ALLOWED: Record<string, string[]> = {
  "lib/tokenizer": ["lib/checkpoint"],
  "lib/dataloader": ["lib/tokenizer"],
  "lib/tasks": ["lib/random"],
  "lib/model": ["lib/device", "lib/random"],
  "lib/optim": ["lib/device"],
  "lib/eval": ["lib/model", "lib/engine", "lib/tasks", "lib/tokenizer", "lib/device"],
  "lib/base": [
    "lib/sft",
    "lib/checkpoint",
    "lib/device",
    "lib/eval",
    "lib/model",
    "lib/optim",
    "lib/random",
    "lib/tasks",
    "lib/tokenizer",
    "lib/tracking",
  ],
  "lib/engine": ["lib/model", "lib/tokenizer", "lib/device", "lib/random"],
  "lib/checkpoint": [],
  "lib/random": [],
  "lib/tracking": [],
  "lib/device": ["kernels"],
  "kernels": [],
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

Deno.test("folders import only what lies below them", async () => {
  const wrong: string[] = [];
  for (const [folder, allowed] of Object.entries(ALLOWED)) {
    for await (const path of sources(join(root, folder))) {
      const text = await Deno.readTextFile(path);
      for (const [, specifier] of text.matchAll(/^(?:import|export|\}).*? from "(\.[^"]+)"/gm)) {
        const target = part(resolve(dirname(path), specifier));
        if (target === "lib" || target === folder || allowed.includes(target)) continue;
        wrong.push(`${relative(root, path)} imports ${specifier}`);
      }
    }
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
