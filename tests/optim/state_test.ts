/** The optimizer's state: read from PyTorch's file, written in its form, refused where it differs. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { openTorchFile, writeTorchFile } from "../../lib/checkpoint/disk/mod.ts";
import { StoredTensor } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT } from "../../lib/model/mod.ts";
import {
  loadOptimizerState,
  Optimizer,
  optimizerState,
  parameterGroups,
} from "../../lib/optim/mod.ts";
import { Float64Device } from "../device/float64_device.ts";

const FOLDER = join(import.meta.dirname!, "../fixtures/parity/gqa_sliding");
const config = {
  sequenceLen: 256,
  vocabSize: 300,
  nLayer: 4,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 64,
  windowPattern: "SSSL",
};
const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };

function freshOptimizer(nLayer = 4): Optimizer {
  const device = new Float64Device();
  const model = new GPT(device, { ...config, nLayer }, { training: true });
  return new Optimizer(device, parameterGroups([...model.parameters.values()], 64, rates));
}

/** A state tree with its tensors replaced by their numbers. */
async function numbers(tree: unknown): Promise<unknown> {
  if (tree instanceof StoredTensor) return { shape: tree.shape, data: await tree.readFloat32() };
  if (Array.isArray(tree)) return await Promise.all(tree.map(numbers));
  if (!(tree instanceof Map)) return tree;
  const entries = [...tree].map(async ([key, value]) => [key, await numbers(value)] as const);
  return new Map(await Promise.all(entries));
}

Deno.test("a state from PyTorch comes back as it was", async () => {
  using file = await openTorchFile(join(FOLDER, "optim_000010_rank0.pt"));
  const optimizer = freshOptimizer();
  await loadOptimizerState(optimizer, file.root);

  const path = await Deno.makeTempFile({ suffix: ".pt" });
  await writeTorchFile(path, optimizerState(optimizer, { multiplier: 0.4, mu: 0.95 }));
  using copy = await openTorchFile(path);
  const [expected, actual] = await Promise.all(
    [file, copy].map((f) => numbers(f.root) as Promise<Map<string, Map<number, unknown>>>),
  );
  assertEquals(actual.get("state"), expected.get("state"));
  const settings = (groups: unknown) =>
    (groups as Map<string, unknown>[]).map((group) => [group.get("kind"), group.get("params")]);
  assertEquals(settings(actual.get("param_groups")), settings(expected.get("param_groups")));
  await Deno.remove(path);
});

Deno.test("the state of another model is refused and changes nothing", async () => {
  using file = await openTorchFile(join(FOLDER, "optim_000010_rank0.pt"));
  const optimizer = freshOptimizer(3);
  const error = await assertRejects(() => loadOptimizerState(optimizer, file.root), UserError);
  assertEquals(error.message.includes("should be"), true);
  const { state } = optimizerState(optimizer, { multiplier: 1, mu: 0.85 });
  assertEquals(state.get(0)!.step, 0);
  await assertRejects(() => loadOptimizerState(optimizer, new Map()), UserError);
});
