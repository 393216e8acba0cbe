/**
 * What a worker thread runs: the kernels' own loop, which waits for jobs in the shared memory.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { ALIVE, FAILED, JOB, MESSAGE, MESSAGE_LENGTH, MESSAGE_LIMIT, READY } from "./control.ts";

/** What the main thread hands to a worker. */
export interface WorkerData {
  /** The kernels, compiled once for all threads. */
  module: WebAssembly.Module;
  /** The memory all threads share. */
  memory: WebAssembly.Memory;
  /** Number of this thread; the main one is 0. */
  index: number;
}

interface WorkerExports {
  work(index: number, job: number): void;
  finishJob(): void;
}

const { module, memory, index } = workerData as WorkerData;
const instance = new WebAssembly.Instance(module, { env: { memory } });
const { work, finishJob } = instance.exports as unknown as WorkerExports;
const control = new Int32Array(memory.buffer);
const alive = new Uint8Array(memory.buffer, ALIVE + index, 1);
const firstJob = Atomics.load(control, JOB);

Atomics.store(alive, 0, 1);

parentPort!.postMessage(READY);
// The message leaves before the thread blocks.
setTimeout(() => run(firstJob), 0);

/**
 * Does jobs until told to stop. A failed one is reported, and the next is waited for. If that fails
 * as well, the main thread is kept from waiting for this one.
 */
function run(job: number): void {
  try {
    while (true) {
      try {
        return work(index, job);
      } catch (error) {
        job = Atomics.load(control, JOB);
        report(error instanceof Error ? error.message : String(error));
        finishJob();
      }
    }
  } catch {
    // It could not even be reported.
    Atomics.store(alive, 0, 0);
  }
}

function report(message: string): void {
  const bytes = new TextEncoder().encode(message).subarray(0, MESSAGE_LIMIT);
  new Uint8Array(memory.buffer).set(bytes, 4 * MESSAGE);
  control[MESSAGE_LENGTH] = bytes.length;
  Atomics.store(control, FAILED, 1);
}
