import { assertEquals, assertStringIncludes } from "@std/assert";

const program = new URL("./interrupted_program.ts", import.meta.url).href;
const root = new URL("../..", import.meta.url);

/** Runs the program, sends Ctrl-C as often as given, and returns how it ended. */
async function interrupt(times: number, ...args: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", program, ...args],
    cwd: root,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // The output is drained in the background: the signals go by what has been printed.
  const texts = { out: "", err: "" };
  const drain = async (stream: ReadableStream<Uint8Array>, key: "out" | "err") => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) texts[key] += text;
  };
  const drained = Promise.all([drain(child.stdout, "out"), drain(child.stderr, "err")]);
  const until = async (seen: () => boolean) => {
    while (!seen()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(() => texts.out.includes("ready"));
  child.kill("SIGINT");
  if (times > 1) {
    await until(() => texts.err.includes("again"));
    child.kill("SIGINT");
  }
  const { code } = await child.status;
  await drained;
  return { code, ...texts };
}

Deno.test({
  name: "the first Ctrl-C asks for a graceful stop",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const { code, out, err } = await interrupt(1);
    assertEquals([code, out], [130, "ready\nsaved\n"]);
    assertStringIncludes(err, "press Ctrl-C again");
  },
});

Deno.test({
  name: "what the signal breaks off is no error",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const { code, err } = await interrupt(1, "throws");
    assertEquals([code, err.includes("AbortError")], [130, false]);
  },
});

Deno.test({
  name: "the second Ctrl-C ends a program that does not stop",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const { code, out } = await interrupt(2, "stuck");
    assertEquals([code, out], [130, "ready\n"]);
  },
});
