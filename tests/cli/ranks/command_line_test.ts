import { assertEquals } from "@std/assert";
import { without } from "../../../cli/ranks/command_line.ts";

Deno.test("a flag and its value are taken out of the arguments, however they are written", () => {
  for (const given of [["--nproc", "2"], ["--nproc=2"]]) {
    assertEquals(without("--nproc", ["sft", ...given, "--run", "a"]), ["sft", "--run", "a"]);
  }
  assertEquals(without("--nproc", ["--nproc-of-mine", "2"]), ["--nproc-of-mine", "2"]);
});
