/**
 * A script for a process of its own: guards the worker in which one Python program runs.
 *
 * Arguments: the interpreter's source as a URL, the URL of `pyodide.mjs`, the length of the
 * snapshot, and how many bytes the process may grow by. Standard input carries the snapshot, then
 * the program as one line of JSON. Standard output carries the interpreter's answers, each a line
 * of JSON. The process ends with its standard input, so that it never outlives its parent; it can
 * do so however busy Python is because Python has a thread of its own.
 *
 * @module
 */

const [interpreter, pyodide, snapshotLength, growth] = Deno.args;
const WATCH_EVERY_MS = 20;

const encoder = new TextEncoder();
function tell(message: unknown): void {
  const line = encoder.encode(JSON.stringify(message) + "\n");
  for (let sent = 0; sent < line.length;) sent += Deno.stdout.writeSync(line.subarray(sent));
}

async function readSnapshot(): Promise<Uint8Array<ArrayBuffer>> {
  const snapshot = new Uint8Array(Number(snapshotLength));
  for (let filled = 0; filled < snapshot.length;) {
    const count = await Deno.stdin.read(snapshot.subarray(filled));
    if (count === null) Deno.exit();
    filled += count;
  }
  return snapshot;
}

/** Python's own memory has a limit of its own; this is for what JavaScript holds on its behalf. */
function watchMemory(): void {
  const limit = Deno.memoryUsage().rss + Number(growth);
  setInterval(() => {
    if (Deno.memoryUsage().rss < limit) return;
    tell({ error: "MemoryError: the program used too much memory" });
    Deno.exit();
  }, WATCH_EVERY_MS);
}

const worker = new Worker(interpreter, { type: "module" });
worker.onmessage = ({ data }) => {
  if (data.ready) watchMemory();
  tell(data);
};
worker.onerror = (event) => {
  tell({ error: event.message });
  Deno.exit();
};
const snapshot = await readSnapshot();
worker.postMessage({ pyodide, snapshot }, [snapshot.buffer]);

let line = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  line += text;
  if (line.endsWith("\n")) worker.postMessage({ program: JSON.parse(line) });
}
Deno.exit();
