/**
 * The threads: starting them, calling kernels that use them, ending them.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { UserError } from "../../errors.ts";
import {
  ALIVE,
  FAILED,
  LOST,
  MESSAGE,
  MESSAGE_LENGTH,
  READY,
  THREADS,
  WORKSPACE,
  WORKSPACE_HIGH,
  WORKSPACE_SIZE,
} from "./control.ts";
import { compileKernels } from "./kernels.ts";
import type { CpuMemory } from "./memory.ts";
import type { WorkerData } from "./worker.ts";

/** The pool's job word counts threads in eight bits. */
export const MOST_THREADS = 255;

/** A kernel's arguments: addresses, sizes and numbers, in the order its source has them. */
export type Kernel = (...args: (number | boolean)[]) => number;

/**
 * How many items `rows` of so many columns are cut into, where each leaves sums of its own. The
 * same as in `kernels/cpu/assembly/rows.ts`.
 */
export function partialRows(rows: number, columns: number): number {
  return Math.ceil(rows / Math.max(1, Math.floor(8192 / columns)));
}

/** The kernels by name, and memory for them to work in. */
export interface Pool {
  /** How many threads there are, the main one included. */
  readonly threads: number;
  /**
   * The function of that name in `kernels/cpu/assembly`. It returns when all threads are done.
   *
   * @throws {Error} by the kernel, when it failed on any thread.
   * @throws {UserError} by the kernel, when a thread is gone.
   */
  kernel(name: string): Kernel;
  /** Makes sure that each thread has this many bytes to work in. */
  reserveWorkspace(bytes: number): void;
  /** A buffer of at least this many bytes that all threads share for one operation. */
  sharedBuffer(bytes: number): number;
  /** Ends the workers and waits until they have ended. */
  close(): Promise<void>;
}

/** A part of the memory that grows to the most that was asked for. */
interface Buffer {
  pointer: number;
  bytes: number;
}

/** What kernels work in beside tensors. */
function workingBuffers(
  memory: CpuMemory,
  threads: number,
): Pick<Pool, "sharedBuffer"> & { reserveWorkspace(bytes: number): Buffer } {
  const workspace = { pointer: 0, bytes: 0 };
  const shared = { pointer: 0, bytes: 0 };
  const grow = (buffer: Buffer, name: string, bytes: number) => {
    if (buffer.bytes >= bytes) return buffer;
    if (buffer.bytes > 0) memory.free(buffer.pointer, buffer.bytes);
    buffer.bytes = 0;
    buffer.pointer = memory.allocate(name, bytes);
    buffer.bytes = bytes;
    return buffer;
  };
  return {
    reserveWorkspace: (bytes) =>
      grow(workspace, "the threads' workspace", Math.ceil(bytes / 64) * 64 * threads),
    sharedBuffer: (bytes) => grow(shared, "the kernels' shared buffer", bytes).pointer,
  };
}

/** Kernels that compute nothing but how many bytes another works in. */
const SAY_BYTES = /(?:Bytes|Workspace)$/;

/** The pool of a memory that only counts: its kernels do nothing. */
export function countingPool({ threads, kernel }: Pool, memory: CpuMemory): Pool {
  return {
    ...workingBuffers(memory, threads),
    threads,
    kernel: (name) => SAY_BYTES.test(name) ? kernel(name) : () => 0,
    close: () => Promise.resolve(),
  };
}

/** What a worker runs. */
const WORKER = new URL("./worker.ts", import.meta.url).href;

/**
 * Starts workers on a memory.
 *
 * @param count How many threads, the main one included; at most {@link MOST_THREADS}.
 * @param script What a worker runs.
 * @throws {UserError} when one does not start.
 */
export async function startPool(memory: CpuMemory, count: number, script = WORKER): Promise<Pool> {
  const module = await compileKernels(memory.addressBits);
  const instance = new WebAssembly.Instance(module, { env: { memory: memory.memory } });
  const exports = instance.exports as Record<string, Kernel>;
  const control = memory.int32(0, 1024);
  const alive = new Uint8Array(control.buffer, ALIVE, MOST_THREADS + 1);
  control[THREADS] = count;
  const workers = Array.from({ length: count - 1 }, (_, i) => {
    const worker = startWorker(script, { module, memory: memory.memory, index: i + 1 });
    // The event comes when this thread has time: then no operation waits for the worker.
    worker.ended.then(() => Atomics.store(alive, i + 1, 0));
    return worker;
  });
  try {
    await Promise.all(workers.map(({ started }) => started));
  } catch (error) {
    exports.stopWorkers();
    throw error;
  }
  const buffers = workingBuffers(memory, count);

  /** Waits for the workers after a failure; false if one is gone. */
  const joined = () => {
    try {
      if (control[LOST] === 0) exports.join();
    } catch {
      // It says so in the memory.
    }
    return control[LOST] === 0;
  };

  return {
    threads: count,
    kernel: (name) => {
      const run = exports[name];
      return (...args) => {
        if (control[LOST] === 1) throw threadGone();
        try {
          const result = run(...args);
          if (control[FAILED] === 1) throw new Error(takeMessage(memory));
          return result;
        } catch (cause) {
          if (!joined()) throw threadGone();
          control[FAILED] = 0;
          throw new Error(`CPU device: ${name} failed: ${reasonOf(cause)}`, { cause });
        }
      };
    },
    reserveWorkspace: (bytes) => {
      const workspace = buffers.reserveWorkspace(bytes);
      control[WORKSPACE] = workspace.pointer;
      control[WORKSPACE_HIGH] = Math.floor(workspace.pointer / 2 ** 32);
      control[WORKSPACE_SIZE] = workspace.bytes / count;
    },
    sharedBuffer: buffers.sharedBuffer,
    close: async () => {
      if (workers.length === 0) return;
      workers.forEach(({ worker }) => worker.ref());
      exports.stopWorkers();
      await Promise.all(workers.map(({ ended }) => ended));
      workers.length = 0;
      control[THREADS] = 1;
    },
  };
}

/** A worker and its life. */
interface RunningWorker {
  worker: Worker;
  /** When it waits for jobs; rejected with a {@link UserError} if it ends before. */
  started: Promise<void>;
  /** When it has ended, in whatever way. */
  ended: Promise<void>;
}

/**
 * A worker of `node:worker_threads`, for its `unref`: one that waits must not keep a finished program
 * alive. Those start only from file and data addresses, and this package may lie on a server.
 */
function startWorker(address: string, workerData: WorkerData): RunningWorker {
  // What a worker does not catch is printed with a stack trace.
  const script = `import { parentPort } from "node:worker_threads";
    import(${JSON.stringify(address)}).catch((error) => parentPort.postMessage(String(error)));`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const worker = new Worker(url, { workerData });
  const started = new Promise<void>((resolve, reject) => {
    const fail = (reason: string) =>
      reject(new UserError(`A thread of the CPU device did not start: ${reason}`));
    worker.once("message", (message: string) => {
      worker.unref();
      if (message === READY) resolve();
      else fail(message);
    });
    worker.once("error", (cause: Error) => fail(cause.message));
    worker.once("exit", () => fail("it ended at once"));
  });
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  return { worker, started, ended };
}

function threadGone(): UserError {
  return new UserError(
    "A thread of the CPU device ended before its work was done; start again from what was saved last",
    { detail: { kind: "threadLost" } },
  );
}

/** Kernels stop themselves (`unreachable`) only at an index that is out of range. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message === "unreachable" ? "an index is out of range" : message;
}

function takeMessage(memory: CpuMemory): string {
  const length = memory.int32(4 * MESSAGE_LENGTH, 1)[0];
  const bytes = new Uint8Array(memory.float32(4 * MESSAGE, 1).buffer, 4 * MESSAGE, length);
  return new TextDecoder().decode(bytes.slice());
}
