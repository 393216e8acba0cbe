/**
 * Counts what training and writing text ask of a GPU, in seconds and without one: d12, d20 and d32
 * with 32,768 tokens, in each dtype, as they are and with activations computed again.
 *
 *     deno run -A bench/counts.ts [REF]
 *
 * - A step: one row of 2,048 tokens, forward and backward, and the optimizer. A token: one text, with
 *   all operations of sampling.
 * - Dispatches: kernels that are started. Copies between buffers and fillings with zeros are not
 *   among them, but their bytes are among those moved.
 * - GB moved: what each dispatch is bound to, once where it is read or written and twice where it is
 *   both; of token tables and caches only as many rows as are chosen, of a cache that is read all of
 *   it. It is what memory must give and take if no kernel reads anything twice and nothing stays in a
 *   cache between two kernels.
 * - Memory: all that the device holds at once, staging included.
 *
 * With REF, a commit, a branch or a tag, the same is counted there, and every number stands with its
 * ratio to the one there: that of its float32 where REF has no other dtype.
 */
import { fromFileUrl, join } from "@std/path";
import { parseArgs } from "node:util";
import { UserError } from "../lib/errors.ts";
import { shortCommit, Worktree } from "./against/worktree.ts";
import type { Counts, Setting } from "./counts/count.ts";
import "./plain_errors.ts";
import { table } from "./scaling/markdown.ts";

const { positionals: [ref] } = parseArgs({ allowPositionals: true });

const settings: Setting[] = [12, 20, 32].flatMap((depth) =>
  (["float32", "bfloat16", "float16"] as const).flatMap((dtype) =>
    [false, true].map((recompute) => ({ depth, dtype, recompute }))
  )
);
const root = fromFileUrl(new URL("..", import.meta.url));
const here = await countIn(root);
const there = ref ? await countAt(ref) : undefined;

const rows = here.map((counts, i) => {
  const cell = (digits: number, of: (counts: Counts) => number) => {
    const own = of(counts).toFixed(digits);
    return there ? `${own} (${(of(counts) / of(there[i])).toFixed(2)})` : own;
  };
  return [
    `d${counts.depth}`,
    counts.dtype,
    counts.recompute ? "yes" : "no",
    cell(0, ({ step }) => step.dispatches),
    cell(1, ({ step }) => step.bytes / 1e9),
    cell(0, ({ token }) => token.dispatches),
    cell(3, ({ token }) => token.bytes / 1e9),
    cell(2, ({ memory }) => memory / 2 ** 30),
  ];
});
if (ref) console.log(`(ratio to ${ref})\n`);
const head = ["model", "dtype", "recompute", "dispatches a step", "GB a step"];
console.log(table([...head, "dispatches a token", "GB a token", "memory, GiB"], rows));

/** Counts in a checkout that has bench/counts/. */
async function countIn(folder: string): Promise<Counts[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(folder, "bench/counts/count.ts"), JSON.stringify(settings)],
    cwd: folder,
  }).output();
  const text = new TextDecoder();
  if (!success) throw new UserError(`counting failed in ${folder}: ${text.decode(stderr).trim()}`);
  return JSON.parse(text.decode(stdout));
}

/** Counts at another commit, with this version's way of counting. */
async function countAt(ref: string): Promise<Counts[]> {
  const temp = await Deno.makeTempDir();
  try {
    const commit = await shortCommit(root, ref);
    await using worktree = await Worktree.add(root, join(temp, commit), commit);
    const from = join(root, "bench/counts"), to = join(worktree.folder, "bench/counts");
    await Deno.mkdir(to, { recursive: true });
    for (const { name } of Deno.readDirSync(from)) {
      await Deno.copyFile(join(from, name), join(to, name));
    }
    return await countIn(worktree.folder);
  } finally {
    await Deno.remove(temp, { recursive: true });
  }
}
