import { assertEquals } from "@std/assert";
import { openTorchFile, writeTorchFile } from "../../../lib/checkpoint/disk/mod.ts";
import { inTempDir } from "../../temp_dir.ts";
import { fixture } from "../torch_archive.ts";

const python = "/usr/bin/python3"; // Debian and Ubuntu: apt-get install python3-torch

async function run(...args: string[]): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(python, { args }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(success ? stdout : stderr) };
}

const hasTorch = await run("-c", "import torch").then(({ success }) => success, () => false);

for (const name of ["model_000010.pt", "optim_000010_rank0.pt"]) {
  Deno.test({
    name: `PyTorch loads our ${name} and finds what it saved itself`,
    ignore: !hasTorch,
    async fn() {
      await inTempDir(async (dir) => {
        const original = fixture(`parity/gqa_sliding/${name}`);
        using file = await openTorchFile(original);
        await writeTorchFile(`${dir}/${name}`, file.root);
        const script = new URL("load_with_torch.py", import.meta.url).pathname;
        assertEquals((await run(script, `${dir}/${name}`, original)).text, "equal\n");
      });
    },
  });
}
