/** Every operation against float64: the tests of operations, on the adapter at hand. */
import { fromFileUrl } from "@std/path";
import type { WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import type { Row, Settings } from "./part.ts";

const folder = new URL("../../tests/device/", import.meta.url);

/** Files at a time, where there are so many cores: most of their time is the compiler's. */
const AT_ONCE = 4;

/** A file that takes longer waits for a GPU that does not answer. */
const MOST_MS = 60_000;

/** Runs the files of tests, and says how each went. */
export async function* operations(
  provider: WebGpuProvider,
  { short }: Settings,
): AsyncGenerator<Row> {
  const all = [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => /^operations_.*_test\.ts$/.test(name)).sort();
  const files = short ? all.filter((name) => name.includes("norm")) : all;
  const running = new Map<string, Promise<Row>>();
  const most = Math.min(AT_ONCE, Math.ceil(navigator.hardwareConcurrency / 2));
  while (files.length > 0 || running.size > 0) {
    while (files.length > 0 && running.size < most) {
      const file = files.shift()!;
      running.set(file, test(provider, file));
    }
    const row = await Promise.race(running.values());
    running.delete(String(row.tests));
    yield row;
  }
}

async function test(provider: WebGpuProvider, tests: string): Promise<Row> {
  const start = performance.now();
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--filter", "webgpu", fromFileUrl(new URL(tests, folder))],
    env: { NO_COLOR: "1", ...provider === "dawn" ? { NANOCHAT_TEST_WEBGPU: "dawn" } : {} },
    stdin: "null",
    signal: AbortSignal.timeout(MOST_MS),
  }).output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  const count = (word: string) => Number(output.match(`(\\d+) ${word}`)?.[1] ?? NaN);
  // The first line of an error, which names the operation and the element.
  const late = performance.now() - start >= MOST_MS;
  const error = late ? "not ended in time" : output.match(/^error: (?!XDG_)(.*)$/m)?.[1];
  return {
    provider,
    tests,
    passed: count("passed"),
    failed: count("failed"),
    ignored: output.includes(" ignored") ? count("ignored") : 0,
    seconds: (performance.now() - start) / 1000,
    "first error": error?.replaceAll("|", "/").slice(0, 160),
  };
}
