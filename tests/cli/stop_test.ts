/** Signals sent to the program in the middle of its work. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { inTempDir } from "../temp_dir.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";

const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));

/**
 * Runs the program, sends it a signal half a second after it printed something, and waits for its
 * end.
 */
async function stop(
  baseDir: string,
  args: string[],
  when: { printed: string; signal?: Deno.Signal },
): Promise<{ code: number; output: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, ...args],
    env: { NANOCHAT_BASE_DIR: baseDir },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) output += text;
  };
  const drained = Promise.all([drain(child.stdout), drain(child.stderr)]);
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  while (!hasEnded && !output.includes(when.printed)) await wait(10);
  await wait(500);
  assert(!hasEnded, `it ended before it was stopped:\n${output}`);
  child.kill(when.signal ?? "SIGINT");
  const { code } = await child.status;
  await drained;
  await child.stdin.abort();
  return { code, output };
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const FLAGS = "--device-type cpu --threads 1 --max-seq-len 64 --device-batch-size 1 " +
  "--chatcore-every -1 --simple-spelling-size 0 --spelling-bee-size 0";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os === "windows", fn });
}

for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  test(`${signal} in the middle of a step gives the step up`, async () => {
    const baseDir = await smallBaseDir();
    const flags = `${FLAGS} --eval-every -1 --total-batch-size 4194304`.split(" ");
    const when = { printed: "starting fresh", signal };
    const { code, output } = await stop(baseDir, ["sft", ...flags], when);
    assertEquals(code, exitCode, output);
    assertStringIncludes(output, "Stopped after step 0; nothing was trained yet");
    await Deno.remove(baseDir, { recursive: true });
  });
}

test("a run that is stopped saves and says how to go on", async () => {
  const baseDir = await smallBaseDir();
  const flags = `${FLAGS} --eval-every -1 --total-batch-size 64 --num-iterations 1000000`;
  const { code, output } = await stop(baseDir, flags.split(" "), { printed: "step 00002" });
  assertEquals(code, 130, output);
  const [, step] = /Stopped after step (\d+); what was trained is saved up to step \1/.exec(
    output,
  )!;
  assertStringIncludes(output, "--resume --model-tag d2 goes on from there");
  assert((await Deno.stat(join(baseDir, `chatsft_checkpoints/d2/step_${step}_model.pt`))).isFile);
  await Deno.remove(baseDir, { recursive: true });
});

test("the validation before the first step is broken off", async () => {
  const baseDir = await smallBaseDir();
  const text = join(baseDir, "a.txt");
  await Deno.writeTextFile(text, "The cat sat on the mat. ".repeat(100));
  const other = join(baseDir, "b.txt");
  await Deno.writeTextFile(other, "The dog ran to the house. ".repeat(100));
  const flags = "--device-type cpu --threads 1 --depth 2 --head-dim 16 --aspect-ratio 16 " +
    "--max-seq-len 64 --device-batch-size 1 --total-batch-size 64 --eval-tokens 1000000000";
  const { code, output } = await stop(baseDir, ["base", text, other, ...flags.split(" ")], {
    printed: "Model:",
  });
  assertEquals(code, 130, output);
  assert(!output.includes("Validation bpb"), output);
  await Deno.remove(baseDir, { recursive: true });
});

test("what comes before the demonstration's first step is broken off", () =>
  inTempDir(async (baseDir) => {
    const { code, output } = await stop(baseDir, ["--device-type", "cpu"], {
      printed: "mixture",
    });
    assertEquals(code, 130, output);
    assert(!output.includes("step 00001") && !output.includes("error"), output);
  }));

test("a tokenizer that is not whole is not written", () =>
  inTempDir(async (baseDir) => {
    const path = join(baseDir, "numbers.txt");
    await Deno.writeTextFile(
      path,
      Array.from({ length: 600_000 }, (_, i) => (i * 2654435761 % 2 ** 32).toString(26)).join(" "),
    );
    const { code, output } = await stop(baseDir, ["tok-train", path, "--vocab-size", "60000"], {
      printed: "",
    });
    assertEquals(code, 130, output);
    assertEquals([...Deno.readDirSync(baseDir)].map(({ name }) => name), ["numbers.txt"]);
  }));

test("chat ends at once, waiting for what is said", async () => {
  const baseDir = await smallBaseDir();
  for (const [signal, exitCode] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const when = { printed: "Ctrl-D", signal };
    const { code, output } = await stop(
      baseDir,
      ["chat", "--source", "base", "--device-type", "cpu"],
      when,
    );
    assertEquals(code, exitCode, output);
  }
  await Deno.remove(baseDir, { recursive: true });
});
