/** A Python that has PyTorch, if there is one. */

/** Debian's and Ubuntu's (`apt-get install python3-torch`), else any. */
const PYTHONS = ["/usr/bin/python3", "python3"];

/** Runs a program; undefined where it cannot be started. */
async function run(python: string, args: string[]) {
  try {
    const { success, stdout, stderr } = await new Deno.Command(python, { args }).output();
    const decoder = new TextDecoder();
    return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch {
    return undefined;
  }
}

/** The path of a Python with PyTorch; undefined where there is none. */
export async function pythonWithTorch(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    if ((await run(python, ["-c", "import torch"]))?.success) return python;
  }
}

/** What a script prints. */
export async function runPython(python: string, ...args: string[]): Promise<string> {
  const result = await run(python, args);
  if (!result?.success) throw new Error(result?.stderr ?? `${python} cannot be started`);
  return result.stdout;
}
