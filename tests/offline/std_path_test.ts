import { assertEquals } from "@std/assert";
import {
  basename,
  dirname,
  extname,
  fromFileUrl,
  join,
  relative,
  resolve,
  toFileUrl,
} from "@std/path";

Deno.test("paths join, split and become URLs and back", () => {
  assertEquals(join("/a", "../b", "c.txt"), "/b/c.txt");
  assertEquals([
    dirname("/b/c.txt"),
    basename("/b/c.txt", ".txt"),
    extname("c.txt"),
  ], [
    "/b",
    "c",
    ".txt",
  ]);
  assertEquals(relative("/a/b", "/a/c"), "../c");
  assertEquals(resolve("/a", "b"), "/a/b");
  assertEquals(fromFileUrl(toFileUrl("/a b/c#d")), "/a b/c#d");
});
