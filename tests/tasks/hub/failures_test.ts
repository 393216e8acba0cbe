/** A dataset meets what a model meets while it is fetched. */
import { join } from "@std/path";
import { HubSource } from "../../../lib/tasks/hub/hub_source.ts";
import { testFailures } from "../../hub/failures.ts";
import { conversationsParquet, FakeHub } from "./fake_hub.ts";

const ROWS = Array.from(
  { length: 80 },
  (_, i) => [{ role: "user", content: `How are you, ${i}?` }],
);
const FILE = conversationsParquet(ROWS);

testFailures("dataset", async (options) => {
  const hub = new FakeHub();
  hub.addDataset("a/b", "main", "train", [FILE, FILE]);
  const baseDir = await Deno.makeTempDir();
  const waits: number[] = [], notes: string[] = [];
  const source = () =>
    new HubSource(baseDir, {
      endpoint: hub.url,
      sleep: (milliseconds) => Promise.resolve(void waits.push(milliseconds)),
      note: (line) => notes.push(line),
      ...options,
    });
  const manifest = join(baseDir, "task_data/a--b/main/train/manifest.json");
  return {
    hub,
    waits,
    notes,
    largest: FILE.length,
    fetch: async () => void await source().rows("a/b", "main", "train"),
    isHere: () => Deno.stat(manifest).then(() => true, () => false),
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await Deno.remove(baseDir, { recursive: true });
    },
  };
});
