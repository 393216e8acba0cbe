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
/** 1 after a worker failed. */
export const FAILED = 54;
/** Where the failed worker leaves its message: bytes, after their number. */
export const MESSAGE_LENGTH = 512;
export const MESSAGE = 513;
/** Longest message in bytes: up to where the module's own data starts. */
export const MESSAGE_LIMIT = 4096 - 4 * MESSAGE;
/** Bytes before the first tensor. */
export const RESERVED = 65536;
