/** ChatCORE as ranks measure it together. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";
import { placeDemo } from "../../lib/sft/demo.ts";
import { ChatcoreRun, openDataSource, openModel, type RunIo } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const OPTIONS = { recipe: "newest", chatcoreMaxCat: 16, chatcoreMaxSample: 2 } as const;

function world(baseDir: string, ranks: Ranks): RunIo {
  const { terminal } = new MemoryTerminal(), { signal } = new AbortController();
  return { terminal, signal, ranks, baseDir, env: () => undefined, now: () => 0 };
}

Deno.test("what one rank lacks for ChatCORE is known to all before anything relies on it", () =>
  inTempDir(async (dir) => {
    const baseDir = await placeDemo(dir);
    const damaged = await placeDemo(join(dir, "of rank 1"));
    const path = join(damaged, "task_data/allenai--ai2_arc/ARC-Easy/test/data.jsonl");
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    await Deno.writeTextFile(path, lines.map(() => "{}\n").join(""));
    const device = await createCpuDevice({ threads: 1 });
    const opened = await openModel(device, baseDir, { source: "base" });
    const errors = await onRanks(2, async (ranks) => {
      const io = world(ranks.rank === 1 ? damaged : baseDir, ranks);
      await using chatcore = await ChatcoreRun.open(openDataSource(io), OPTIONS, io);
      return await assertRejects(() => chatcore.tryOut(opened), UserError);
    });
    const cannot = "ChatCORE cannot be measured: ";
    const own = errors[1].message.slice(cannot.length);
    assertEquals(errors.map(({ message }) => message), [`${cannot}rank 1: ${own}`, cannot + own]);
    // Which is what the advice is for.
    assertEquals(errors.map(({ detail }) => detail?.kind), ["measurement", "measurement"]);
    await device.close();
  }));
