/**
 * Splitting an operation over threads.
 *
 * All threads run this same module on one shared memory. The main thread writes an operation's
 * arguments and a function that does one numbered item of it; every thread then takes the next
 * item until none is left. How an operation is cut into items never depends on the number of
 * threads, so neither do its results.
 *
 * The first 4 KiB of memory are laid out here; `lib/device/cpu/control.ts` knows the same places.
 */

/** Serial number of the current job · 256 + threads that take part in it. Workers wait on it. */
const JOB: usize = 0;
/** The next item to be taken. */
const NEXT_ITEM: usize = 64;
/** Workers that have not finished the current job. The main thread waits on it. */
const PENDING: usize = 128;
/** How many items the current job has. */
const ITEM_COUNT: usize = 192;
/** The function of the current job; 0 asks workers to return. */
const ITEM_FUNCTION: usize = 196;
/** Number of threads, set by the host. */
const THREADS: usize = 200;
/** Start of the workspaces of the threads, and the size of each, set by the host. */
const WORKSPACE: usize = 204;
const WORKSPACE_SIZE: usize = 208;
/** The upper half of the start, where addresses have 64 bits. */
const WORKSPACE_HIGH: usize = 212;
/** 1 after the main thread found that a worker is gone. */
const LOST: usize = 220;
/** A byte for each thread, which the host sets while its worker lives. */
const ALIVE: usize = 256;
/** Where an operation keeps its arguments for the items. */
export const ARGUMENTS: usize = 1024;

/** About 30 µs of looking before a thread sleeps: waking one costs as much. */
const SPINS: i32 = 20000;
/** Nanoseconds of waiting after which the main thread looks whether the workers live. */
const PATIENCE: i64 = 1000000000;
/** What a wait gives when its time is over. */
const TIMED_OUT: i32 = 2;

/** Which thread this instance is: 0 is the main one. */
let thread: i32 = 0;

/** Number of threads. */
@inline
export function threadCount(): i32 {
  return load<i32>(THREADS);
}

/** This thread's own memory for the duration of an item. */
@inline
export function workspace(): usize {
  let start = <usize> load<u32>(WORKSPACE);
  if (sizeof<usize>() == 8) start += <usize> load<u32>(WORKSPACE_HIGH) << 32;
  return start + <usize> thread * <usize> load<u32>(WORKSPACE_SIZE);
}

/** Runs items 0 … count−1 on this thread alone. */
function serial(count: i32, item: (index: i32) => void): void {
  for (let i = 0; i < count; i++) item(i);
}

/** Runs items 0 … count−1 on as many threads as there is work for. Returns when all are done. */
function parallel(count: i32, item: (index: i32) => void): void {
  const active = min(threadCount(), count);
  if (active < 2) {
    serial(count, item);
    return;
  }
  store<i32>(ITEM_COUNT, count);
  store<u32>(ITEM_FUNCTION, <u32> changetype<usize>(item));
  atomic.store<i32>(NEXT_ITEM, 0);
  startJob(active);
  takeItems(count, item);
  join();
}

/** Runs items on all threads if the whole has at least `minimum` units of work, else on this one. */
export function parallelFrom(
  minimum: i64,
  work: i64,
  count: i32,
  item: (index: i32) => void,
): void {
  if (work < minimum) serial(count, item);
  else parallel(count, item);
}

function takeItems(count: i32, item: (index: i32) => void): void {
  while (true) {
    const index = atomic.add<i32>(NEXT_ITEM, 1);
    if (index >= count) return;
    item(index);
  }
}

function startJob(active: i32): void {
  atomic.store<i32>(PENDING, active - 1);
  const serialNumber = (load<u32>(JOB) >> 8) + 1;
  atomic.store<u32>(JOB, serialNumber << 8 | <u32> active);
  atomic.notify(JOB, i32.MAX_VALUE);
}

/** Waits until no worker is at work. Traps when one is gone, with {@link LOST} set. */
export function join(): void {
  for (let i = 0; i < SPINS; i++) {
    if (atomic.load<i32>(PENDING) == 0) return;
  }
  while (true) {
    const pending = atomic.load<i32>(PENDING);
    if (pending == 0) return;
    if (atomic.wait<i32>(PENDING, pending, PATIENCE) == TIMED_OUT && !allLive()) {
      store<i32>(LOST, 1);
      unreachable();
    }
  }
}

function allLive(): bool {
  for (let index = 1; index < threadCount(); index++) {
    if (atomic.load<u8>(ALIVE + <usize> index) == 0) return false;
  }
  return true;
}

/** Tells the main thread that this worker is done with its job. */
export function finishJob(): void {
  if (atomic.sub<i32>(PENDING, 1) == 1) atomic.notify(PENDING, 1);
}

/** A worker's life from job number `job` on, until {@link stopWorkers}. */
export function work(index: i32, job: u32): void {
  thread = index;
  while (true) {
    job = nextJob(job);
    if (<i32> (job & 255) <= index) continue;
    const item = <usize> load<u32>(ITEM_FUNCTION);
    if (item == 0) return;
    takeItems(load<i32>(ITEM_COUNT), changetype<(index: i32) => void>(item));
    finishJob();
  }
}

function nextJob(last: u32): u32 {
  for (let i = 0; i < SPINS; i++) {
    const job = atomic.load<u32>(JOB);
    if (job != last) return job;
  }
  while (true) {
    const job = atomic.load<u32>(JOB);
    if (job != last) return job;
    atomic.wait<u32>(JOB, last, -1);
  }
}

/** Lets every worker return from {@link work}. */
export function stopWorkers(): void {
  store<u32>(ITEM_FUNCTION, 0);
  startJob(threadCount());
}
