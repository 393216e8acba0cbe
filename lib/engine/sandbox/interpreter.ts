/**
 * A script for a worker of its own: a Python interpreter that runs one program.
 *
 * It takes `{ pyodide, snapshot }` and answers `{ ready: true }`; it takes `{ program }` and
 * answers any number of `{ stdout }`, then `{ error }`, null where the program ran to its end.
 *
 * @module
 */

const scope = self as unknown as {
  onmessage: (event: MessageEvent) => void;
  postMessage(message: unknown): void;
};
const send = scope.postMessage.bind(scope);

const MAX_OUTPUT_BYTES = 2 ** 20;

/** HumanEval's own harness runs programs so: by `exec` with a fresh, empty module. */
const RUN = `
def run(program):
    try:
        exec(compile(program, "<program>", "exec"), {})
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
run
`;

async function start(url: string, snapshot: Uint8Array): Promise<(program: string) => void> {
  const { loadPyodide }: typeof import("pyodide") = await import(url);
  // The working directory is Pyodide's folder.
  const pyodide = await loadPyodide({ indexURL: ".", jsglobals: {}, _loadSnapshot: snapshot });
  pyodide.setStdin({ stdin: () => null });
  pyodide.setStderr({ write: (bytes) => bytes.length });
  const decoder = new TextDecoder();
  let printed = 0;
  pyodide.setStdout({
    write(bytes) {
      const had = printed;
      printed += bytes.length;
      if (printed <= MAX_OUTPUT_BYTES) send({ stdout: decoder.decode(bytes, { stream: true }) });
      else if (had <= MAX_OUTPUT_BYTES) send({ error: "the program printed more than 1 MiB" });
      return bytes.length;
    },
  });
  const run = pyodide.runPython(RUN);
  return (program) => {
    try {
      send({ error: run(program) ?? null });
    } catch (error) {
      // Not an exception of Python's: its interpreter broke down or was told to exit.
      send({ error: String(error) });
    }
  };
}

scope.onmessage = async ({ data }) => {
  const run = await start(data.pyodide, data.snapshot);
  // JavaScript is the only way out of Python. These are what it could do harm with there: reach
  // Deno, and print on standard output what looks like an answer of this script's.
  Reflect.deleteProperty(globalThis, "Deno");
  scope.onmessage = ({ data }) => run(data.program);
  send({ ready: true });
};
for (const name of Object.keys(console)) Reflect.set(console, name, () => {});
