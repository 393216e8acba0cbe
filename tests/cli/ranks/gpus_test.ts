import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { gpuVariables, listGpus } from "../../../cli/ranks/gpus.ts";
import { inTempDir } from "../../temp_dir.ts";

/** Writes a list of a bus's devices as Linux gives it; returns the GPUs found in it. */
async function gpusOf(devices: Record<string, [kind: string, id: string]>) {
  let gpus: ReturnType<typeof listGpus> = [];
  await inTempDir(async (folder) => {
    for (const [slot, [kind, id]] of Object.entries(devices)) {
      const [vendor, device] = id.split(":");
      await Deno.mkdir(join(folder, slot));
      const files = { class: `0x${kind}`, vendor: `0x${vendor}`, device: `0x${device}` };
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(join(folder, slot, name), text + "\n");
      }
    }
    gpus = listGpus(folder);
  });
  return gpus;
}

Deno.test("each rank of a machine sees the next of its GPUs alone", async () => {
  const gpus = await gpusOf({
    "0000:00:1f.2": ["010601", "8086:2922"], // a disk
    "0000:03:00.0": ["030000", "1a03:2000"], // the console of a server
    "0000:41:00.0": ["030200", "10de:2330"],
    "0001:c1:00.0": ["030200", "10de:2330"],
  });
  assertEquals([0, 1, 2].map((rank) => gpuVariables(gpus, rank)), [
    // The model would be the first of the two for both.
    { DRI_PRIME: "pci-0000_41_00_0!" },
    { DRI_PRIME: "pci-0001_c1_00_0!" },
    { DRI_PRIME: "pci-0000_41_00_0!" },
  ]);
});

Deno.test("a GPU that is the only one of its model is named by it too", async () => {
  const gpus = await gpusOf({
    "0000:01:00.0": ["030000", "10de:2684"],
    "0000:02:00.0": ["030000", "10de:2204"],
  });
  assertEquals(gpuVariables(gpus, 1), {
    DRI_PRIME: "pci-0000_02_00_0!",
    MESA_VK_DEVICE_SELECT: "10de:2204!",
  });
});

Deno.test("the GPU of the processor takes no part where there are cards", async () => {
  const integrated = { "0000:00:02.0": ["030000", "8086:4680"] as [string, string] };
  assertEquals(gpuVariables(await gpusOf(integrated), 0), {});
  const gpus = await gpusOf({ ...integrated, "0000:01:00.0": ["030000", "10de:2684"] });
  assertEquals(gpus.map(({ slot }) => slot), ["0000:01:00.0"]);
  assertEquals(gpuVariables(gpus, 1), {});
});

Deno.test("a system without such a list has no GPUs to choose from", () => {
  assertEquals(listGpus("/no/such/folder"), []);
});
