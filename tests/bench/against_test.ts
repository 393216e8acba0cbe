import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { basename, fromFileUrl, join } from "@std/path";
import { compare, figuresOf } from "../../bench/against/figures.ts";
import { inTempDir } from "../temp_dir.ts";

Deno.test("rates are read from what the benchmarks print, by the words before them", () => {
  const printed = `cpu: WebAssembly, 2 threads; 1 x 16 x 512 tokens a step
step 0: loss 8.3179, 2891 ms
2331 tokens/s, 20.1 GFLOP/s; the fastest step made 3030 tokens/s
device memory 659 MiB, process 801 MiB
batch 1: 622 tokens/s, 1.61 ms a step
cpu: matmul nt, 1024 cubed: 105.0 GFLOP/s
packing alone: at best 217.0 M tokens/s`;
  assertEquals([...figuresOf(printed)], [
    ["tokens/s", 2331],
    ["GFLOP/s", 20.1],
    ["the fastest step made, tokens/s", 3030],
    ["batch 1, tokens/s", 622],
    ["cpu: matmul nt, 1024 cubed, GFLOP/s", 105],
    ["packing alone: at best, M tokens/s", 217],
  ]);
});

Deno.test("versions are compared pair by pair, in what all runs printed", () => {
  const pair = (here: number, there: number) => ({
    here: new Map([["tokens/s", here], ["only here", 1]]),
    there: new Map([["tokens/s", there]]),
  });
  // A slow minute that both versions met changes the medians, but not their ratio.
  assertEquals(compare([pair(100, 200), pair(10, 20), pair(90, 120), pair(80, 20)]), [
    { name: "tokens/s", here: 85, there: 70, ratio: 0.625, least: 0.5, most: 4 },
  ]);
});

const root = fromFileUrl(new URL("../..", import.meta.url));
const gitDir = await Deno.stat(join(root, ".git")).catch(() => undefined);

Deno.test({
  name: "a wrong version or benchmark is one line, and leaves nothing behind",
  ignore: !gitDir,
  fn: () =>
    inTempDir(async (TMPDIR) => {
      const run = async (program: string, ...args: string[]) => {
        const options = { args, cwd: root, env: { TMPDIR, TMP: TMPDIR } };
        const { code, stdout, stderr } = await new Deno.Command(program, options).output();
        const text = new TextDecoder();
        return { code, out: text.decode(stdout), err: text.decode(stderr).trimEnd() };
      };
      for (
        const [args, message] of [
          [["no-such-branch"], "no-such-branch is no commit, branch or tag"],
          [["HEAD", "bench/no_such.ts"], "there is no benchmark bench/no_such.ts in this version"],
        ] as const
      ) {
        const script = ["run", "-A", "bench/against.ts", ...args];
        const { code, out, err } = await run(Deno.execPath(), ...script);
        assertEquals([code, out, err.split("\n").length], [1, "", 1], err);
        assertStringIncludes(err, message);
      }
      assertEquals([...Deno.readDirSync(TMPDIR)], []);
      const worktrees = (await run("git", "worktree", "list")).out;
      assert(!worktrees.includes(basename(TMPDIR)), worktrees);
    }),
});
