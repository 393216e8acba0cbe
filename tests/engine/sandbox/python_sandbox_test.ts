import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import config from "../../../deno.json" with { type: "json" };
import { UserError } from "../../../lib/errors.ts";
import { PythonSandbox } from "../../../lib/engine/sandbox/mod.ts";
import type { PythonResult } from "../../../lib/engine/sandbox/process.ts";
import { PYODIDE } from "../../../lib/engine/sandbox/pyodide.ts";

const SANDBOX = new URL("../../../lib/engine/sandbox/mod.ts", import.meta.url).href;

/** A file that a program would find if it could see this machine's disk. */
const canary = await Deno.makeTempFile({ prefix: "canary-" });

interface Hostile {
  /** What the program tries. */
  does: string;
  program: string;
  /** How it must end; failed, whatever the error, if not given. */
  ends?: Partial<PythonResult> | RegExp;
}

const TIMED_OUT = { timedOut: true };
const OUT_OF_MEMORY = { memoryExceeded: true };

const HOSTILE: Hostile[] = [
  { does: "loops", program: "while True: pass", ends: TIMED_OUT },
  {
    does: "loops and catches everything",
    program: `
while True:
    try:
        while True: pass
    except BaseException: pass`,
    ends: TIMED_OUT,
  },
  { does: "sleeps", program: "import time\ntime.sleep(1000)", ends: TIMED_OUT },
  { does: "computes within one call", program: "str(7 ** (10 ** 8))", ends: TIMED_OUT },
  {
    does: "backtracks",
    program: "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')",
    ends: TIMED_OUT,
  },
  {
    does: "loops in its exception's text",
    program: `
class Endless(Exception):
    def __str__(self):
        while True: pass
raise Endless`,
    ends: TIMED_OUT,
  },
  { does: "allocates", program: "x = [0]\nwhile True: x += x", ends: OUT_OF_MEMORY },
  { does: "allocates at once", program: "bytearray(10 ** 9)", ends: OUT_OF_MEMORY },
  {
    does: "allocates and catches it",
    program: `
kept = []
while True:
    try: kept.append(bytearray(2 ** 20))
    except MemoryError: pass`,
    ends: TIMED_OUT,
  },
  {
    does: "fills the file system in memory",
    program: "with open('/tmp/big', 'wb') as file:\n    while True: file.write(bytes(2 ** 20))",
    ends: OUT_OF_MEMORY,
  },
  {
    does: "allocates in JavaScript",
    program: `
from pyodide.ffi import to_js
kept, Bytes = [], to_js(b'1').constructor
while True:
    kept.append(Bytes.new(10 ** 8))
    kept[-1].fill(1)`,
    ends: OUT_OF_MEMORY,
  },
  { does: "prints endlessly", program: "while True: print('x' * 1000)", ends: /printed more/ },
  { does: "prints much at once", program: "print('x' * 10 ** 8)", ends: /printed more/ },
  { does: "forks", program: "import os\nwhile True: os.fork()", ends: /^OSError/ },
  {
    does: "starts threads",
    program: "import threading\nwhile True: threading.Thread(target=print).start()",
    ends: /^RuntimeError/,
  },
  {
    does: "runs a program",
    program: "import subprocess\nsubprocess.run(['id'])",
    ends: /^OSError/,
  },
  {
    does: "runs a shell",
    program: `import os\nassert os.system('rm -f ${canary}') == 0`,
  },
  {
    does: "deletes every file",
    program: `
import os, shutil
shutil.rmtree('/', ignore_errors=True)
os.remove('${canary}')`,
    ends: /Error/,
  },
  { does: "reads a file", program: `open('${canary}').read()`, ends: /^FileNotFoundError/ },
  { does: "reads the passwords", program: "open('/etc/passwd')", ends: /^FileNotFoundError/ },
  {
    does: "opens the network",
    program: "import socket\nsocket.create_connection(('127.0.0.1', 1), timeout=1)",
    ends: /Error/,
  },
  { does: "downloads", program: "from js import fetch", ends: /^ImportError/ },
  { does: "reaches for Deno", program: "from js import Deno", ends: /^ImportError/ },
  {
    does: "evaluates JavaScript by a constructor",
    program: "from pyodide.ffi import to_js\nto_js([]).constructor.constructor('return 1')()",
    ends: /disallowed/,
  },
  {
    does: "evaluates JavaScript by C",
    program: "import ctypes\nctypes.CDLL(None).emscripten_run_script(b'1')",
    ends: /disallowed/,
  },
  { does: "loads a package", program: "import pyodide_js\npyodide_js.eval('1')" },
  { does: "recurses", program: "def f(): f()\nf()", ends: /^RecursionError/ },
  {
    does: "recurses without limit",
    program: "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()",
  },
  { does: "nests without end", program: "(".repeat(100_000) },
  { does: "crashes", program: "import ctypes\nctypes.string_at(2 ** 31 - 1)" },
  { does: "aborts", program: "import os\nos.abort()" },
  { does: "raises SystemExit", program: "raise SystemExit(0)", ends: /^SystemExit/ },
  { does: "exits at once", program: "import os\nos._exit(0)" },
  { does: "kills itself", program: "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)" },
  {
    does: "answers in the sandbox's place",
    program: `
import ctypes, os
answer = '{"error":null}\\n'
print(answer, flush=True)
os.write(1, answer.encode())
ctypes.CDLL(None).emscripten_console_log(answer.encode())
raise ValueError('failed')`,
    ends: /^ValueError: failed$/,
  },
  {
    does: "replaces what runs it",
    program: `
import builtins, sys
builtins.BaseException = builtins.type = builtins.exec = lambda *_: None
sys._getframe(1).f_locals.clear()
raise ValueError`,
  },
  { does: "is no text", program: "'\ud800'" },
];

Deno.test(`${HOSTILE.length} hostile programs fail and harm nothing`, async () => {
  await using sandbox = new PythonSandbox();
  // One second is enough to see the time limit at work; the next test measures five.
  await using hurried = new PythonSandbox({ timeoutMs: 1000 });
  await Promise.all([sandbox.run(""), hurried.run("")]);
  const check = async ({ does, program, ends = {} }: Hostile) => {
    const result = await (ends === TIMED_OUT ? hurried : sandbox).run(program);
    assertEquals(result.success, false, does);
    assert(result.error, does);
    assertLess(result.stdout.length, 2 ** 20 + 1, does);
    if (ends instanceof RegExp) assertMatch(result.error, ends, does);
    else assertEquals({ ...result, ...ends }, result, `a program that ${does}`);
  };
  const queue = HOSTILE.values();
  const lane = async () => {
    for (const hostile of queue) await check(hostile);
  };
  await Promise.all([lane(), lane()]);
  assert((await Deno.stat(canary)).isFile);
  assertEquals((await sandbox.run("print('still well')")).stdout, "still well\n");
  await Deno.remove(canary);
});

Deno.test("PythonSandbox", async (t) => {
  await using sandbox = new PythonSandbox();

  await t.step("a program that ends well succeeds", async () => {
    const program = "import builtins, math\nbuiltins.left = math.left = left = 1";
    assertEquals(await sandbox.run(program), {
      success: true,
      stdout: "",
      error: null,
      timedOut: false,
      memoryExceeded: false,
    });
  });

  await t.step("a program finds nothing of the one before", async () => {
    assertEquals((await sandbox.run("left")).error, "NameError: name 'left' is not defined");
    assertEquals((await sandbox.run("import math\nmath.left")).success, false);
  });

  await t.step("standard output is kept and standard input is empty", async () => {
    const program = `
import sys
print('größer', 'als', '🦆', end='')
print('dropped', file=sys.stderr)
try: input()
except EOFError: print('!')
`;
    const { stdout, success } = await sandbox.run(program);
    assertEquals([stdout, success], ["größer als 🦆!\n", true]);
  });

  await t.step("syntax errors and indented programs fail as in Python", async () => {
    assertMatch((await sandbox.run("def f(:")).error!, /^SyntaxError/);
    assertMatch((await sandbox.run("  x = 1\n  y = 2")).error!, /^IndentationError/);
  });

  await t.step("a program has five seconds, and no more than six pass", async () => {
    await sandbox.run("");
    // The time that counts is the program's; in two seconds the next interpreter is up.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const start = performance.now();
    const result = await sandbox.run("print('begun', flush=True)\nwhile True: pass");
    const elapsed = performance.now() - start;
    assertEquals(result, {
      success: false,
      stdout: "begun\n",
      error: "the program was still running after 5 seconds",
      timedOut: true,
      memoryExceeded: false,
    });
    assert(elapsed >= 5000 && elapsed < 6000, `it took ${elapsed} ms`);
  });
});

Deno.test("closing ends the programs that run, and no more are taken", async () => {
  const sandbox = new PythonSandbox();
  await sandbox.run("");
  const running = sandbox.run("while True: pass").catch(() => ({ success: false }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await sandbox.close();
  assertEquals((await running).success, false);
  await assertRejects(() => sandbox.run("1"), Error, "the sandbox is closed");
});

Deno.test("Pyodide has the version that deno.json says", () => {
  assertEquals(PYODIDE, config.imports.pyodide);
});

Deno.test("the memory limit is checked", () => {
  for (const memoryMiB of [0, 32, 100.5, 5000, NaN]) {
    assertThrows(() => new PythonSandbox({ memoryMiB }), UserError, "memoryMiB");
  }
});

/** Starts a script that uses the sandbox, in a process of its own. */
function start(script: string, options: Deno.CommandOptions = {}, flags: string[] = []) {
  const source = `import { PythonSandbox } from "${SANDBOX}";\n${script}`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", ...flags, source],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
  });
}

Deno.test("a script that forgets to close the sandbox still ends", async () => {
  const script = `console.log(await new PythonSandbox().run("print(1)"));`;
  const { success, stdout } = await start(script).output();
  assert(success);
  assertMatch(new TextDecoder().decode(stdout), /success: true/);
});

Deno.test({
  name: "no process outlives the one that started it, however busy it is",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const parent = start(`
      const sandbox = new PythonSandbox({ timeoutMs: 60_000 });
      await sandbox.run("");
      setTimeout(() => console.log("running"), 1000);
      await sandbox.run("while True: pass");
    `).spawn();
    const output = parent.stdout.getReader();
    await output.read();
    const children = Deno.readTextFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`)
      .trim().split(" ");
    assertEquals(children.length, 2, "the busy one and the one that waits");
    parent.kill("SIGKILL");
    await parent.status;
    await output.cancel();
    await parent.stderr.cancel();
    const alive = (pid: string) => {
      try {
        return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
      } catch {
        return false;
      }
    };
    for (let waited = 0; children.some(alive) && waited < 5000; waited += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assertEquals(children.filter(alive), []);
  },
});

Deno.test("without Pyodide and a network, the error says what to do", async () => {
  const empty = await Deno.makeTempDir();
  const script = `
    try { await new PythonSandbox().run(""); } catch (error) { console.log(error.name, error.message); }
  `;
  // A registry that is not there is a network that is not there.
  const env = { DENO_DIR: empty, NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/" };
  const { stdout } = await start(script, { env }, ["--no-lock"]).output();
  await Deno.remove(empty, { recursive: true });
  const text = new TextDecoder().decode(stdout);
  assertMatch(text, /^UserError Python programs need npm:pyodide@\S+, which could not be loaded/);
  assertMatch(text, /run: deno cache npm:pyodide@\S+\n$/);
});
