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
  "ansi-regex",
  "commander",
  "fzstd",
  "get-east-asian-width",
  "hyparquet",
  "hyparquet-compressors",
  "hysnappy",
  "string-width",
  "strip-ansi",
];

const REGISTRY = "https://registry.npmjs.org/";

/** Whether packages can be downloaded here. */
function registryAnswers(): Promise<boolean> {
  const request = { method: "HEAD", signal: AbortSignal.timeout(5000) };
  return fetch(`${REGISTRY}${NEEDED[0]}`, request).then(({ ok }) => ok, () => false);
}

Deno.test({
  name: "the first command of a clone downloads only what it runs",
  ignore: !await registryAnswers(),
  fn: () =>
    inTempDir(async (cache) => {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "mod.ts", "--help"],
        cwd: fromFileUrl(new URL("..", import.meta.url)),
        env: { DENO_DIR: cache, NO_COLOR: "1", NPM_CONFIG_REGISTRY: REGISTRY },
        stdin: "null",
      }).output();
      const told = new TextDecoder().decode(stderr);
      assert(success, told);
      const packages = told.matchAll(/^Download https:\/\/[^/]+\/(\S+)\/-\/\S+\.tgz$/gm);
      assertEquals(Array.from(packages, ([, name]) => name).sort(), NEEDED);
    }),
});
