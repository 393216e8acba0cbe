import { assertEquals } from "@std/assert";
import { openTorchFile, writeTorchFile } from "../../../lib/checkpoint/disk/mod.ts";
import { pythonWithTorch, runPython } from "../../python.ts";
import { inTempDir } from "../../temp_dir.ts";
import { fixture } from "../torch_archive.ts";

const python = await pythonWithTorch();

for (const name of ["model_000010.pt", "optim_000010_rank0.pt"]) {
  Deno.test({
    name: `PyTorch loads our ${name} and finds what it saved itself`,
    ignore: python === undefined,
    async fn() {
      await inTempDir(async (dir) => {
        const original = fixture(`parity/gqa_sliding/${name}`);
        using file = await openTorchFile(original);
        await writeTorchFile(`${dir}/${name}`, file.root);
        const script = new URL("load_with_torch.py", import.meta.url).pathname;
        assertEquals(await runPython(python!, script, `${dir}/${name}`, original), "equal\n");
      });
    },
  });
}
