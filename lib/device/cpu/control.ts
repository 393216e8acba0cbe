/**
 * Places in the first page of the shared memory through which threads talk to each other, as
 * `kernels/cpu/assembly/pool.ts` has them; here as indices into an Int32Array.
 *
 * @module
 */

/** The word that workers wait on. */
export const JOB = 0;
/** Number of threads. */
export const THREADS = 50;
/** Start of the threads' workspaces, and the bytes each has. */
export const WORKSPACE = 51;
export const WORKSPACE_SIZE = 52;
/** The upper half of the workspaces' start. */
export const WORKSPACE_HIGH = 53;
/** 1 after a worker failed. */
export const FAILED = 54;
/** 1 after the main thread found that a worker is gone. */
export const LOST = 55;
/** Where each thread has a byte that is 1 while its worker lives; in bytes. */
export const ALIVE = 256;
/** Where the failed worker leaves its message: bytes, after their number. */
export const MESSAGE_LENGTH = 512;
export const MESSAGE = 513;
/** Longest message in bytes: up to where the module's own data starts. */
export const MESSAGE_LIMIT = 4096 - 4 * MESSAGE;
/** Bytes before the first tensor. */
export const RESERVED = 65536;
/** The first message of a worker that started; that of one that did not says why. */
export const READY = "ready";
