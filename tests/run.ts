/**
 * Sets up what the tests need and runs every check: `deno task ok`.
 *
 * The last line it prints is the sum, such as `120 passed, 0 failed, 3 skipped`; a check that is
 * not a test (formatting, types, …) counts as one. The exit code is 1 if anything failed.
 */

import config from "../deno.json" with { type: "json" };
import { pythonWithTorch } from "./python.ts";
import { mpi } from "./ranks/mpirun.ts";
import { hasChromium } from "./webgpu/chromium.ts";

interface Result {
  passed: number;
  failed: number;
  skipped: number;
}

const root = new URL("..", import.meta.url);

const sum: Result = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

await prepare();
await check("format", ["fmt", "--check"]);
await check("lint", ["lint"]);
await check("types", ["check"]);
await check("documentation", ["doc", "--lint", ...Object.values(config.exports)]);
// Types were checked: a wrong one in one file should not keep the others from being tested.
await check("tests", ["test", "-A", "--no-check", "tests"]);
const documented = ["mod.ts", "cli/options.ts", "lib", "README.md", "docs"];
await check("examples in the documentation", ["test", "-A", "--doc", ...documented]);
await check("publishing", ["publish", "--dry-run", "--allow-dirty"]);

for (const failure of failures) console.log(`FAILED: ${failure}`);
const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : "";
console.log(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
Deno.exitCode = sum.failed > 0 ? 1 : 0;

/** Makes an adapter, a browser, PyTorch and MPI available where that can be done, and keeps Mesa quiet. */
async function prepare(): Promise<void> {
  Deno.env.set("XDG_RUNTIME_DIR", await Deno.makeTempDir({ prefix: "nanochat-sft-" }));
  // Where Mesa's OpenGL is installed and its Vulkan is not, Deno would take OpenGL: much slower.
  if (Deno.build.os === "linux") Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
  const missing: string[] = [];
  if (!await navigator.gpu?.requestAdapter()) missing.push("mesa-vulkan-drivers");
  if (Deno.build.os === "linux" && !await hasChromium()) missing.push("chromium");
  if (Deno.build.os === "linux" && !await pythonWithTorch()) missing.push("python3-torch");
  if (Deno.build.os === "linux" && !mpi) missing.push("openmpi-bin");
  // Nobody's own machine is asked for more rights than it gave.
  const isRoot = Deno.uid() === 0, mayAsk = Deno.env.has("CI");
  if (missing.length > 0 && Deno.build.os === "linux" && (isRoot || mayAsk)) {
    console.log(`Installing ${missing.join(" and ")} with apt-get`);
    const aptGet = [...isRoot ? [] : ["sudo", "-n"], "env", "DEBIAN_FRONTEND=noninteractive"];
    aptGet.push("apt-get", "-qq");
    await run([...aptGet, "update"]);
    // One by one: a system that lacks one of them may have the other.
    for (const name of missing.splice(0)) {
      if (!await run([...aptGet, "install", "-y", name])) missing.push(name);
    }
  }
  if (missing.length > 0) {
    console.log(
      `Tests that need a GPU, a browser, PyTorch or MPI are skipped; Debian's ${
        missing.join(" and ")
      } help`,
    );
  }
}

/** Runs one of Deno's subcommands and adds its outcome to the sum. */
async function check(name: string, args: string[]): Promise<void> {
  console.log(`\n── ${name}: deno ${args.join(" ")}`);
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    await Deno.stdout.write(new TextEncoder().encode(text));
    output += text;
  }
  const { success } = await child.status;
  const result = args[0] === "test" ? countTests(output) : { passed: 0, failed: 0, skipped: 0 };
  // A check without tests, or one that never came to its tests, counts as one.
  if (success && args[0] !== "test") result.passed++;
  if (!success && result.failed === 0) result.failed++;
  if (!success) failures.push(name);
  for (const key of ["passed", "failed", "skipped"] as const) sum[key] += result[key];
}

/** Reads `ok | 7 passed (2 steps) | 0 failed | 1 ignored (8ms)`. */
function countTests(output: string): Result {
  const summary = output.match(/^(?:ok|FAILED) \| .*$/gm)?.at(-1) ?? "";
  const count = (word: string) => Number(summary.match(`(\\d+) ${word}`)?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), skipped: count("ignored") };
}

/** Runs a program of the system; false where it is missing or fails. */
async function run([name, ...args]: string[]): Promise<boolean> {
  try {
    const child = new Deno.Command(name, { args, stdin: "null", stdout: "null" }).spawn();
    return (await child.status).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
