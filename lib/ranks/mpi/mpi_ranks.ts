import { gatherTexts } from "../gather_texts.ts";
import { type Elements, Ranks } from "../ranks.ts";
import { disagreement, type MpiLibrary, type Requests } from "./library.ts";

/** Bytes of one message at most: MPI counts in int32. */
const LONGEST_MESSAGE = 1 << 30;
/** Milliseconds of a turn in which messages are asked about without letting others have theirs. */
const TURN = 0.5;
/** Milliseconds between turns of timers, at which signals are served. */
const SIGNALS_EVERY = 20;
/** Milliseconds that others may be late without being asked about less often. */
const PATIENCE = 50;
/** Bytes a millisecond of a slow network: so long messages are asked about without rest. */
const SLOW = 50e3;
/** Part of a long wait that a rank may sleep on after the others have come, and at most, in ms. */
const OVERSLEPT = 0.01, LONGEST_SLEEP = 10;

/** Messages that were begun together. */
interface Pending {
  requests: Requests;
  received: readonly Message[];
  /** Like {@link received}, memory that MPI uses until they have arrived. */
  sent: readonly Message[];
  /** When, by the clock of `performance.now()`. */
  since: number;
  /** Until when they are asked about without rest. */
  busyUntil: number;
  arrived(): void;
  failed(error: unknown): void;
}

/**
 * The ranks of an MPI job. Nothing here blocks: messages are begun at once and asked about in turns
 * of the event loop, so that many are on their way, the device works on, and signals are served.
 */
export class MpiRanks extends Ranks {
  /** Which process this is, from 0. */
  readonly rank: number;
  /** How many there are. */
  readonly worldSize: number;
  #localRank = 0;
  #localSize = 1;
  #hosts: string[] = [];
  readonly #pending = new Set<Pending>();
  /** Their memory stays, for MPI may still write there. */
  readonly #failed: Pending[] = [];
  #isPolling = false;

  /** Of a library that was initialised. */
  constructor(private readonly mpi: MpiLibrary) {
    super();
    this.rank = mpi.rank();
    this.worldSize = mpi.size();
  }

  /** Which of its machine's processes this is, from 0; known once they met. */
  get localRank(): number {
    return this.#localRank;
  }

  /** How many processes its machine has; known once they met. */
  get localSize(): number {
    return this.#localSize;
  }

  /** The machine of each rank. */
  get hosts(): readonly string[] {
    return this.#hosts;
  }

  /** Since when this rank has waited for others, by the clock of `performance.now()`, if it does. */
  get waitingSince(): number | undefined {
    const [oldest] = this.#pending;
    return oldest?.since;
  }

  /**
   * Learns which ranks are on one machine; all call it, once.
   *
   * @param local Rank and size on this machine as the launcher has it; counted unless given.
   */
  async meet(local?: { rank: number; size: number }): Promise<void> {
    this.#hosts = await gatherTexts(this, this.mpi.processorName());
    const host = this.#hosts[this.rank];
    const isHere = (name: string) => name === host;
    this.#localRank = local?.rank ?? this.#hosts.slice(0, this.rank).filter(isHere).length;
    this.#localSize = local?.size ?? this.#hosts.filter(isHere).length;
  }

  /** See {@linkcode Ranks.gather}. */
  gather<T extends Elements>(own: T, lengths?: readonly number[]): Promise<T[]> {
    const { worldSize } = this;
    return this.exchange(
      Array<T>(worldSize).fill(own),
      lengths ?? Array<number>(worldSize).fill(own.length),
    );
  }

  /** See {@linkcode Ranks.exchange}. */
  async exchange<T extends Elements>(
    outgoing: readonly T[],
    lengths: readonly number[],
  ): Promise<T[]> {
    const { rank } = this;
    // What is one array for all is copied once.
    const copies = new Map<T, T>();
    const stable = (values: T) => {
      if (!copies.has(values)) copies.set(values, isStable(values) ? values : copyOf(values));
      return copies.get(values)!;
    };
    const incoming = lengths.map((length, from) =>
      from === rank ? copyOf(outgoing[rank]) : emptyLike(outgoing[rank], length)
    );
    const isOther = (_: unknown, peer: number) => peer !== rank;
    const sent = outgoing.map((values, to) => messagesOf(stable(values), to)).filter(isOther)
      .flat();
    const received = incoming.map(messagesOf).filter(isOther).flat();
    await this.#transfer(received, sent);
    return incoming;
  }

  /** Ends the processes of all ranks. */
  abort(code: number): void {
    this.mpi.abort(code);
  }

  /** Leaves the other ranks; waits until all of them do. */
  async close(): Promise<void> {
    await this.barrier();
    this.mpi.finalize();
  }

  /** Begins messages, and waits until they have arrived. */
  #transfer(received: Message[], sent: Message[]): Promise<void> {
    const count = received.length + sent.length;
    if (count === 0) return Promise.resolve();
    const { mpi } = this, requests = mpi.requests(count);
    received.forEach(({ bytes, peer }, i) => mpi.receive(bytes, peer, requests, i));
    sent.forEach(({ bytes, peer }, i) => mpi.send(bytes, peer, requests, received.length + i));
    const size = [...received, ...sent].reduce((sum, { bytes }) => sum + bytes.length, 0);
    const since = performance.now(), busyUntil = since + PATIENCE + size / SLOW;
    const { promise, resolve: arrived, reject: failed } = Promise.withResolvers<void>();
    this.#pending.add({ requests, received, sent, since, busyUntil, arrived, failed });
    if (!this.#isPolling) this.#poll();
    return promise;
  }

  /** Asks about messages until all have arrived. */
  async #poll(): Promise<void> {
    this.#isPolling = true;
    let lastTimer = performance.now();
    while (this.#pending.size > 0) {
      const began = performance.now();
      const isBusy = [...this.#pending].some(({ busyUntil }) => began < busyUntil);
      // Who waits for what has arrived goes on first.
      while (!this.#test() && isBusy && performance.now() - began < TURN);
      if (this.#pending.size === 0) break;
      const now = performance.now();
      if (isBusy && now - lastTimer < SIGNALS_EVERY) {
        await new Promise<void>((resolve) => setImmediate(resolve));
      } else {
        const waited = isBusy ? 0 : now - this.waitingSince!;
        const sleep = Math.min(LONGEST_SLEEP, OVERSLEPT * waited);
        await new Promise<void>((resolve) => setTimeout(resolve, sleep));
        lastTimer = performance.now();
      }
    }
    this.#isPolling = false;
  }

  /** Asks about each once; whether any arrived or failed. */
  #test(): boolean {
    const { size } = this.#pending;
    for (const pending of this.#pending) {
      const { requests, received, arrived, failed } = pending;
      try {
        if (!this.mpi.test(requests)) continue;
        const isWhole = received.every(({ bytes }, i) =>
          this.mpi.received(requests, i) === bytes.length
        );
        if (!isWhole) throw disagreement();
        arrived();
      } catch (error) {
        this.#failed.push(pending);
        failed(error);
      }
      this.#pending.delete(pending);
    }
    return this.#pending.size < size;
  }
}

/** Bytes that go to or come from a rank. */
interface Message {
  bytes: Uint8Array<ArrayBuffer>;
  peer: number;
}

/** The messages that an array takes: none where it is empty, several where it is too long for one. */
function messagesOf(values: Elements, peer: number): Message[] {
  const { buffer, byteOffset, byteLength } = values;
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  const count = Math.ceil(byteLength / LONGEST_MESSAGE);
  return Array.from({ length: count }, (_, i) => (
    { bytes: bytes.subarray(i * LONGEST_MESSAGE, (i + 1) * LONGEST_MESSAGE), peer }
  ));
}

/** Bytes of an array that may be kept where the garbage collector moves it. */
const ON_HEAP = 64;

/** Whether MPI may read an array where it is: not where it may move, nor where others may write. */
function isStable({ buffer, byteLength }: Elements): boolean {
  return byteLength > ON_HEAP && buffer instanceof ArrayBuffer;
}

function copyOf<T extends Elements>(values: T): T {
  const copy = emptyLike(values, values.length);
  copy.set(values);
  return copy;
}

function emptyLike<T extends Elements>({ BYTES_PER_ELEMENT, constructor }: T, length: number): T {
  return new (constructor as new (buffer: ArrayBuffer) => T)(
    new ArrayBuffer(length * BYTES_PER_ELEMENT),
  );
}
