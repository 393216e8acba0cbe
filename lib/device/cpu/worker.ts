/**
 * What a worker thread runs: the kernels' own loop, which waits for jobs in the shared memory.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { FAILED, JOB, MESSAGE, MESSAGE_LENGTH, MESSAGE_LIMIT } from "./control.ts";

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
const firstJob = Atomics.load(control, JOB);

parentPort!.postMessage("ready");
// The message leaves before the thread blocks.
setTimeout(() => run(firstJob), 0);

/** Does jobs until told to stop. A failed one is reported, and the next is waited for. */
function run(job: number): void {
  while (true) {
    try {
      return work(index, job);
    } catch (error) {
      job = Atomics.load(control, JOB);
      report(error instanceof Error ? error.message : String(error));
      finishJob();
    }
  }
}

function report(message: string): void {
  const bytes = new TextEncoder().encode(message).subarray(0, MESSAGE_LIMIT);
  new Uint8Array(memory.buffer).set(bytes, 4 * MESSAGE);
  control[MESSAGE_LENGTH] = bytes.length;
  Atomics.store(control, FAILED, 1);
}
