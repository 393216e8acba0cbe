/**
 * What the first command downloads. Deno would fetch every package in the lock file, those that
 * only tests and benchmarks use too; `npm-lazy-caching` in deno.json makes it fetch what a program
 * imports.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inTempDir } from "./temp_dir.ts";

/** The packages that the command line imports, and theirs. Whoever adds one makes everyone wait. */
const NEEDED = [
  "@hono/node-server",
  "ansi-regex",
  "commander",
  "fzstd",
  "get-east-asian-width",
  "hono",
  "hyparquet",
  "hyparquet-compressors",
  "hysnappy",
  "string-width",
  "strip-ansi",
];

/** Runs Deno in the clone with an empty cache in a folder. */
async function deno(cache: string, ...args: string[]): Promise<{ success: boolean; told: string }> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: fromFileUrl(new URL("..", import.meta.url)),
    env: { DENO_DIR: cache, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { success, told: new TextDecoder().decode(stderr) };
}

/** Whether packages can be downloaded here. */
async function canDownload(): Promise<boolean> {
  let success = false;
  await inTempDir(async (cache) => {
    ({ success } = await deno(cache, "eval", `import "npm:${NEEDED[0]}";`));
  });
  return success;
}

Deno.test({
  name: "the first command of a clone downloads only what it runs",
  ignore: !await canDownload(),
  fn: () =>
    inTempDir(async (cache) => {
      const { success, told } = await deno(cache, "run", "-A", "mod.ts", "--help");
      assert(success, told);
      const packages = told.matchAll(/^Download .*?((?:@[^/]+\/)?[^/]+)\/-\/\S+\.tgz$/gm);
      assertEquals(Array.from(packages, ([, name]) => name).sort(), NEEDED);
    }),
});
