/**
 * Builds the style and the script of the chat page from `chat/` into `built/`, which is committed and
 * handed out by the server with `chat.html`.
 *
 * Run it after a change in `chat/`: `deno run -A web/build.ts`.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { build, type Plugin, stop } from "esbuild";

const here = new URL(".", import.meta.url);

/** Finds packages where Deno keeps them, by their versions in deno.json. */
const packages: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[a-z]/ }, async ({ path }) => {
      await import(path);
      return { path: fromFileUrl(import.meta.resolve(path)) };
    });
  },
};

/** Gives the text of each file: the same, whatever machine builds it. */
export async function buildPage(): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: fromFileUrl(new URL("chat", here)),
    entryPoints: { chat: "main.tsx", style: "styles/chat.css" },
    outdir: "built",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2023",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    plugins: [packages],
    write: false,
  });
  await stop();
  const text = (name: string) => outputFiles.find(({ path }) => path.endsWith(name))!.text;
  return new Map([
    ["chat.css", text("style.css")],
    ["chat.js", text("chat.js")],
  ]);
}

if (import.meta.main) {
  for (const [name, text] of await buildPage()) {
    await Deno.writeTextFile(new URL(`built/${name}`, here), text);
    console.log(`${name}: ${text.length} characters`);
  }
}
