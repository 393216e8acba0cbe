/** Runs of the command line, for campaigns, and what has to be true of what they leave. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openTorchFile, readMeta } from "../../lib/checkpoint/disk/mod.ts";
import { completeSteps, StoredTensor } from "../../lib/checkpoint/mod.ts";

const ROOT = new URL("../..", import.meta.url);

const FLAGS = {
  "device-type": "cpu",
  "threads": 1,
  "load-optimizer": 0,
  "max-seq-len": 64,
  "device-batch-size": 2,
  "total-batch-size": 128,
  "num-iterations": 24,
  "save-every": 1,
  "eval-every": 3,
  "eval-tokens": 128,
  "chatcore-every": -1,
  "simple-spelling-size": 0,
  "spelling-bee-size": 0,
  "keep": 2,
};

/** The step that a run ends with. */
export const LAST_STEP = FLAGS["num-iterations"];

/** Where a run's checkpoints lie. */
export function checkpointFolder(baseDir: string): string {
  return join(baseDir, "chatsft_checkpoints/d2");
}

/** Starts a fine-tuning run as a user would; one that has saved something goes on. */
export function startRun(
  baseDir: string,
  resume: boolean,
  others: Partial<typeof FLAGS> = {},
): Deno.ChildProcess {
  const flags = Object.entries({ ...FLAGS, ...others })
    .flatMap(([name, value]) => [`--${name}`, String(value)]);
  const program = ["run", "-A", new URL("mod.ts", ROOT).href, "sft"];
  return new Deno.Command(Deno.execPath(), {
    // All else is known from the checkpoint.
    args: [...program, ...resume ? ["--resume"] : [...flags, "--save-best"]],
    cwd: ROOT,
    env: { NANOCHAT_BASE_DIR: baseDir },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Whether a run has saved something that it could go on from. */
export function hasCheckpoint(folder: string): boolean {
  return completeSteps([...Deno.readDirSync(folder)].map(({ name }) => name)).length > 0;
}

/** What a run ended with: the bytes of its weights and its optimizer's state, and its losses. */
export async function resultOf(folder: string): Promise<{ files: Uint8Array[]; losses: string[] }> {
  const read = (name: string) => Deno.readFile(join(folder, `step_${LAST_STEP}_${name}.pt`));
  const log = await Deno.readTextFile(join(folder, "metrics.jsonl"));
  const lines = log.trimEnd().split("\n").map((line) => JSON.parse(line));
  return {
    files: await Promise.all(["model", "optimizer"].map(read)),
    losses: lines.filter((line) => "train/loss" in line)
      .map((line) => `${line.step}: ${line["train/loss_raw"]} ${line["train/loss"]}`),
  };
}

/**
 * Checks that every file in the folder is whole, and that what passes for a checkpoint is of one
 * step.
 *
 * @returns How many files that are not whole lie there under temporary names.
 */
export async function checkFolder(folder: string): Promise<number> {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  for (const name of names) {
    const path = join(folder, name);
    if (name.endsWith(".pt")) await readEverything(path);
    if (name.endsWith(".json")) await readMeta(path);
    if (name.endsWith(".jsonl")) {
      const text = await Deno.readTextFile(path);
      text.split("\n").slice(0, -1).forEach((line) => JSON.parse(line));
    }
  }
  for (const { step, meta, optimizers } of completeSteps(names)) {
    assertEquals((await readMeta(join(folder, meta))).step, step);
    assertEquals([...optimizers.keys()], [0], `step ${step} has its optimizer`);
    using file = await openTorchFile(join(folder, optimizers.get(0)!));
    const { state } = Object.fromEntries(
      file.root as Map<string, Map<number, Map<string, number>>>,
    );
    for (const entry of state.values()) assertEquals(entry.get("step") ?? step, step);
  }
  // nanochat's scripts take the highest model, and need its other files.
  for (const [, digits] of names.join("\n").matchAll(/^model_(\d+)\.pt$/gm)) {
    for (const name of [`meta_${digits}.json`, `optim_${digits}_rank0.pt`]) {
      assert(names.includes(name), `${name} beside model_${digits}.pt`);
    }
  }
  return names.filter((name) => name.endsWith(".tmp")).length;
}

async function readEverything(path: string): Promise<void> {
  using file = await openTorchFile(path);
  let tensors = 0;
  const visit = async (value: unknown): Promise<void> => {
    if (value instanceof StoredTensor) {
      await value.readFloat32();
      tensors++;
    } else if (value instanceof Map) {
      for (const part of value.values()) await visit(part);
    }
  };
  await visit(file.root);
  assert(tensors > 0, `${path} holds tensors`);
}
