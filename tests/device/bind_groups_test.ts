import { assertEquals } from "@std/assert";
import { BindGroups } from "../../lib/device/webgpu/bind_groups.ts";

const LASTING = 1, PASSING = 2;

Deno.test("bind groups are let go with what they bind, and the oldest when there are too many", () => {
  const groups = new BindGroups(), made = {} as GPUBindGroup;
  for (let i = 0; i < 20000; i++) groups.set(`${i}`, made, new Set([LASTING, PASSING]));
  const { bindGroups, keys } = groups.cached;
  assertEquals([bindGroups, keys], [2 ** 14, 2 * 2 ** 14]);
  assertEquals([groups.get(`${20000 - bindGroups - 1}`), groups.get("19999")], [undefined, made]);
  groups.forget(PASSING);
  assertEquals(groups.cached, { bindGroups: 0, keys: 0 });
});
