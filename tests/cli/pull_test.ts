import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { pullCommand } from "../../cli/pull.ts";
import { AT_ROOT, hubWith } from "../pull/small_models.ts";

const PROGRAM = fromFileUrl(new URL("../../mod.ts", import.meta.url));

/** What the program prints and exits with, with a hub and a base directory. */
async function run(endpoint: string, baseDir: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, ...args],
    env: { HF_ENDPOINT: endpoint, NANOCHAT_BASE_DIR: baseDir, HF_TOKEN: "", NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("pull hands its repository and flags on", async () => {
  const given: unknown[] = [];
  const command = pullCommand((repository, options) => {
    given.push(repository, options);
    return Promise.resolve([]);
  });
  await command.noExit().parse(["o/d32", "--source", "rl", "--tag", "d32", "--step", "5"]);
  await command.noExit().parse(["o/d32", "--optimizer"]);
  assertEquals(given, [
    "o/d32",
    { source: "rl", tag: "d32", step: 5, optimizer: false },
    "o/d32",
    { source: undefined, tag: undefined, step: undefined, optimizer: true },
  ]);
});

Deno.test("a model of the hub is pulled, inspected and talked with", async () => {
  await using world = await hubWith({ "karpathy/nanochat-d32": AT_ROOT });
  const { hub, baseDir } = world;
  const pulled = await run(hub.url, baseDir, "pull", "karpathy/nanochat-d32");
  assertEquals(pulled.code, 0, pulled.stderr);
  assertStringIncludes(pulled.stdout, "karpathy/nanochat-d32: sft model d32, step 650, in ");
  const inspected = await run(hub.url, baseDir, "inspect", "--source", "sft");
  assertEquals(inspected.code, 0, inspected.stderr);
  assertStringIncludes(inspected.stdout, "model_000650.pt");

  const chat = [
    "chat",
    "--hub",
    "karpathy/nanochat-d32",
    "--prompt",
    "Hi",
    "--max-new-tokens",
    "3",
  ];
  const device = ["--device-type", "cpu", "--threads", "1"];
  const answered = await run(hub.url, baseDir, ...chat, ...device);
  assertEquals(answered.code, 0, answered.stderr);
  assert(answered.stdout.trim().length > 0);
  assertEquals(answered.stdout.includes("nanochat-d32"), false);
  assertStringIncludes(answered.stderr, "karpathy/nanochat-d32: sft model d32, step 650, in ");
  const own = join(baseDir, "hub/karpathy--nanochat-d32/chatsft_checkpoints/d32");
  assert((await Deno.stat(join(own, "model_000650.pt"))).isFile);

  // Without a hub it is talked with again, and the same model.
  const again = await run("http://127.0.0.1:9", baseDir, ...chat, ...device);
  assertEquals([again.code, again.stdout], [0, answered.stdout], again.stderr);
});

Deno.test("a model of transformers is pulled, and is the one that was exported", async () => {
  await using world = await hubWith({ "o/nanochat-d6": AT_ROOT });
  const { hub, baseDir } = world;
  await run(hub.url, baseDir, "pull", "o/nanochat-d6");
  const hf = join(baseDir, "hf");
  const exported = await run(hub.url, baseDir, "export", "--hf", hf);
  assertEquals(exported.code, 0, exported.stderr);
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const { name } of Deno.readDirSync(hf)) files[name] = await Deno.readFile(join(hf, name));
  hub.addModel("o/nanochat-d6-hf", files);

  const other = join(baseDir, "other");
  const pulled = await run(hub.url, other, "pull", "o/nanochat-d6-hf", "--tag", "d6");
  assertEquals(pulled.code, 0, pulled.stderr);
  assertStringIncludes(pulled.stdout, "o/nanochat-d6-hf: sft model d6, step 650, in ");
  const talk = ["chat", "--prompt", "Hi", "--max-new-tokens", "5", "--device-type", "cpu"];
  const [first, second] = await Promise.all(
    [baseDir, other].map((dir) => run(hub.url, dir, ...talk)),
  );
  assertEquals([second.code, second.stdout], [0, first.stdout], second.stderr);
  const again = await run(hub.url, other, "chat", "--hub", "o/nanochat-d6-hf", ...talk.slice(1));
  assertEquals([again.code, again.stdout], [0, first.stdout], again.stderr);
});

Deno.test("what a person can mend is one line and exit code 1", async () => {
  await using world = await hubWith({});
  const { hub, baseDir } = world;
  for (const args of [["pull", "o/none"], ["pull", "none"], ["pull"], ["chat", "--hub", "none"]]) {
    const { code, stderr } = await run(hub.url, baseDir, ...args);
    assertEquals([code, stderr.trim().split("\n").length], [1, 1], stderr);
  }
});

Deno.test({
  name: "Ctrl-C while a model to talk with comes ends in order, so that nothing half-made is left",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using world = await hubWith({ "o/d32": AT_ROOT });
    const { hub, baseDir } = world;
    hub.piece = 4000;
    hub.pace = 10;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", PROGRAM, "chat", "--hub", "o/d32", "--prompt", "Hi"],
      env: { HF_ENDPOINT: hub.url, NANOCHAT_BASE_DIR: baseDir, HF_TOKEN: "" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const part = join(baseDir, "hub/o--d32/chatsft_checkpoints/d32/model_000650.pt.part");
    const size = async () => (await Deno.stat(part).catch(() => undefined))?.size ?? 0;
    while (await size() < 20000) await new Promise((done) => setTimeout(done, 5));
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    assertEquals(code, 130);
    assertStringIncludes(new TextDecoder().decode(stderr), "stopping; press Ctrl-C again");
  },
});
