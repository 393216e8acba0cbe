/** A dataset on a hub of this computer, and what reads it. */
import { join } from "@std/path";
import { type HubOptions, HubSource } from "../../../lib/tasks/hub/hub_source.ts";
import { conversationsParquet, FakeHub } from "./fake_hub.ts";

/** The dataset that {@link setUp} has. */
export const REPO = "HuggingFaceTB/smol-smoltalk";

/** So many conversations of a speaker. */
export function conversations(count: number, name: string): { role: string; content: string }[][] {
  return Array.from({ length: count }, (_, i) => [
    { role: "user", content: `${name} ${i}: how are you? ${"éà ".repeat(i % 7)}` },
    { role: "assistant", content: `I am ${name} ${i}.` },
  ]);
}

/** Its first file. */
export const FIRST = conversationsParquet(conversations(120, "first"));
/** Its second. */
export const SECOND = conversationsParquet(conversations(80, "second"), "ZSTD");

/** A hub with a split of two files, a source that fetches from it, and what the source told. */
export async function setUp(options: HubOptions = {}) {
  const hub = new FakeHub();
  hub.addDataset(REPO, "default", "train", [FIRST, SECOND]);
  hub.addFile("/words", new TextEncoder().encode("bee\nhoney\n".repeat(300)));
  const baseDir = await Deno.makeTempDir();
  const waits: number[] = [];
  const notes: string[] = [];
  const source = new HubSource(baseDir, {
    endpoint: hub.url,
    files: { "words_alpha.txt": `${hub.url}/words` },
    sleep: (milliseconds) => Promise.resolve(void waits.push(milliseconds)),
    note: (line) => notes.push(line),
    ...options,
  });
  const folder = join(baseDir, "task_data", "HuggingFaceTB--smol-smoltalk", "default", "train");
  return {
    hub,
    baseDir,
    folder,
    source,
    waits,
    notes,
    rows: () => source.rows(REPO, "default", "train"),
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await Deno.remove(baseDir, { recursive: true });
    },
  };
}

/** The names of what lies in a folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

/** A file of JSON. */
// deno-lint-ignore no-explicit-any
export async function readJson(path: string): Promise<any> {
  return JSON.parse(await Deno.readTextFile(path));
}

/** A stream as text. */
export async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();
}
