/** The state an optimizer begins with: whole, or an error; fresh only where that was wanted. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { wordError } from "../../cli/errors.ts";
import { checkpointDirectory, type CheckpointFiles } from "../../lib/checkpoint/disk/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT } from "../../lib/model/mod.ts";
import { AdamW } from "../../lib/optim/mod.ts";
import { openOptimizer } from "../../lib/training/mod.ts";
import { config, rates } from "../optim/gqa_sliding.ts";
import { Float64Device } from "../device/float64_device.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const STATE = join(import.meta.dirname!, "../fixtures/parity/gqa_sliding/optim_000010_rank0.pt");
const WARM = { isWarm: true, isResumed: false };
const RESUMED = { isWarm: true, isResumed: true };

/** Opens the optimizer of a model that was saved with these files. */
async function open(
  optimizers: [number, string][],
  start: typeof WARM,
  nLayer = 4,
  signal?: AbortSignal,
) {
  const console = new MemoryTerminal();
  const directory = checkpointDirectory("/base", "base", "d4");
  const files: CheckpointFiles = {
    directory,
    tag: "d4",
    step: 10,
    model: join(directory, "model_000010.pt"),
    meta: join(directory, "meta_000010.json"),
    optimizers: new Map(optimizers),
  };
  const model = new GPT(new Float64Device(), { ...config, nLayer }, { training: true });
  const optimizer = await openOptimizer({ model, files }, rates, start, { ...console, signal });
  const steps = new Set(optimizer.parts.flatMap((part) => part instanceof AdamW ? part.steps : []));
  return { steps: [...steps], printed: console.stdout + console.stderr };
}

Deno.test("a state that is whole is taken over", async () => {
  for (const start of [WARM, RESUMED]) {
    const { steps, printed } = await open([[0, STATE]], start);
    assertEquals(steps, [3]);
    assertStringIncludes(printed, "Optimizer state loaded from");
  }
  assertEquals((await open([[0, "missing"]], { ...WARM, isWarm: false })).steps, [0]);
});

Deno.test("a state with any fault stops the run in one line that says how to do without", async () => {
  const whole = await Deno.readFile(STATE);
  const text = new TextDecoder("latin1").decode(whole);
  const flipped = (at: number) => whole.map((byte, i) => i === at ? byte ^ 0x10 : byte);
  // Behind an entry's header and padding: a moment's exponent.
  const data = text.indexOf("/data/30") + 1000;
  const faults: [Uint8Array | undefined, string, number?][] = [
    [whole.subarray(0, whole.length / 2), "cut short"],
    [whole.subarray(0, whole.length - 30), "cut short"],
    [new Uint8Array(), "not a zip archive"],
    [undefined, "no such file"],
    [flipped(data), "is damaged (its checksum is another)"],
    [flipped(text.indexOf("PK\x03\x04", data)), "is damaged"],
    [whole, "should be of", 3],
  ];
  await inTempDir(async (dir) => {
    for (const [i, [bytes, reason, nLayer]] of faults.entries()) {
      const path = join(dir, `optim_${i}.pt`);
      if (bytes) await Deno.writeFile(path, bytes);
      for (const start of [WARM, RESUMED]) {
        const error = await assertRejects(
          () => open([[0, path]], start, nLayer),
          UserError,
          reason,
        );
        const line = wordError(error, "sft");
        assertEquals(line.startsWith(`${path}: `) && line.split(path).length === 2, true, line);
        assertEquals(
          line.endsWith("; start the optimizer fresh with --load-optimizer 0"),
          true,
          line,
        );
      }
    }
  });
  await assertRejects(() => open([[0, STATE], [1, STATE]], WARM, 3), UserError, "by 2 processes");
});

Deno.test("without a state a base model starts fresh and says so, a resumed run does not start", async () => {
  const { steps, printed } = await open([], WARM);
  assertEquals(steps, [0]);
  assertStringIncludes(printed, "has no optimizer state of step 10; starting fresh");
  const error = await assertRejects(() => open([], RESUMED), UserError, "has no optimizer state");
  assertStringIncludes(wordError(error, "sft"), "--load-optimizer 0");
});

Deno.test("a stop is served while a state is read", async () => {
  const signal = AbortSignal.abort();
  const error = await assertRejects(() => open([[0, STATE]], WARM, 4, signal));
  assertEquals(error, signal.reason);
});
