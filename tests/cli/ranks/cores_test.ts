import { assertEquals } from "@std/assert";
import { allowedCores, coreShare, parseCores, threadsOf } from "../../../cli/ranks/cores.ts";
import { onRanks } from "../../ranks/in_process.ts";

Deno.test("a list of cores is read as Linux writes it", () => {
  assertEquals(parseCores("0-3,8,10-11"), [0, 1, 2, 3, 8, 10, 11]);
  assertEquals(allowedCores().length >= 1, true);
});

Deno.test("ranks divide the cores that several may use, and keep those that are their own", () => {
  const eight = [0, 1, 2, 3, 4, 5, 6, 7];
  assertEquals(coreShare(eight, [eight, eight]), 4);
  assertEquals(coreShare(eight, [eight, eight, eight]), 2);
  assertEquals(coreShare([0, 1], [[0, 1], [2, 3]]), 2);
  assertEquals(coreShare([0, 1, 2], [[0, 1, 2], [0, 1, 2], [0, 1, 2]]), 1);
  assertEquals(coreShare([0], [[0], [0], [0]]), 1, "at least one");
});

Deno.test("ranks of other machines leave a rank its cores", async () => {
  const cores = navigator.hardwareConcurrency;
  const threads = (hosts: string[]) => onRanks(3, (ranks) => threadsOf(ranks, hosts));
  assertEquals(await threads(["a", "b", "c"]), [cores, cores, cores]);
  const shared = Math.max(1, Math.floor(cores / 2));
  assertEquals(await threads(["a", "b", "a"]), [shared, cores, shared]);
});
