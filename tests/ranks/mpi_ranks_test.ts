/** How ranks ask a library of MPI for their messages: with one that does what the test says. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { type MpiLibrary, MpiRanks, type Requests } from "../../lib/ranks/mpi/mod.ts";

/** Rank 0 of two: messages arrive when they are told to. */
class FakeMpi implements MpiLibrary {
  readonly kind = "MPICH";
  /** Bytes of each message. */
  readonly sent: number[] = [];
  readonly expected = new Map<Requests, number[]>();
  readonly arrived = new Set<Requests>();
  tests = 0;
  /** Thrown when messages have arrived. */
  error: Error | undefined;
  /** Bytes that each message lacks. */
  missing = 0;

  init() {}
  rank = () => 0;
  size = () => 2;
  processorName = () => "here";
  requests(count: number): Requests {
    const requests = { count, handles: new Uint8Array(0), statuses: new Uint8Array(0) };
    this.expected.set(requests, []);
    return requests;
  }
  send({ length }: Uint8Array) {
    this.sent.push(length);
  }
  receive({ length }: Uint8Array, _from: number, requests: Requests) {
    this.expected.get(requests)!.push(length);
  }
  test(requests: Requests): boolean {
    this.tests++;
    if (!this.arrived.has(requests)) return false;
    if (this.error) throw this.error;
    return true;
  }
  received(requests: Requests, place: number) {
    return this.expected.get(requests)![place] - this.missing;
  }
  abort() {}
  finalize() {}

  /** Lets the messages of a collective arrive: the first, second, … that was begun. */
  arrive(collective: number) {
    this.arrived.add([...this.expected.keys()][collective]);
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a rank that waits asks ever less often, and knows since when", async () => {
  const mpi = new FakeMpi(), ranks = new MpiRanks(mpi);
  const began = performance.now();
  const barrier = ranks.barrier();
  assert(ranks.waitingSince! >= began && ranks.waitingSince! <= performance.now());
  await sleep(300);
  const { tests } = mpi, since = performance.now();
  await sleep(300);
  // Once between two sleeps, of 3 ms and more.
  const atMost = (performance.now() - since) / 3 + 1;
  assert(mpi.tests - tests <= atMost, `${mpi.tests - tests} tests, ${atMost} at most`);
  mpi.arrive(0);
  await barrier;
  assertEquals(ranks.waitingSince, undefined);
});

Deno.test("collectives on their way are each done when theirs has arrived", async () => {
  const mpi = new FakeMpi(), ranks = new MpiRanks(mpi), done: string[] = [];
  const first = ranks.barrier().then(() => done.push("first"));
  const since = ranks.waitingSince;
  await sleep(2);
  const second = ranks.barrier().then(() => done.push("second"));
  assertEquals(ranks.waitingSince, since);
  mpi.arrive(1);
  await second;
  mpi.arrive(0);
  await first;
  assertEquals(done, ["second", "first"]);
});

Deno.test("what fails is told to who waits for it, and what else is on its way goes on", async () => {
  const mpi = new FakeMpi(), ranks = new MpiRanks(mpi);
  const broken = ranks.barrier(), whole = ranks.barrier();
  mpi.error = new UserError("the network is down");
  mpi.arrive(0);
  await assertRejects(() => broken, UserError, "the network is down");
  mpi.error = undefined;
  mpi.arrive(1);
  await whole;
});

Deno.test("a message with less than was expected is an error", async () => {
  const mpi = new FakeMpi(), ranks = new MpiRanks(mpi);
  const gathered = ranks.gather(Float32Array.of(1, 2));
  mpi.missing = 4;
  mpi.arrive(0);
  await assertRejects(() => gathered, UserError, "all must run the same command");
});

Deno.test("nothing is sent for what is empty, and what MPI cannot count goes in pieces", async () => {
  const mpi = new FakeMpi(), ranks = new MpiRanks(mpi);
  const empty = new Float64Array(0);
  assertEquals(await ranks.exchange([empty, empty], [0, 0]), [empty, empty]);
  assertEquals(mpi.sent, []);
  // Memory that nobody touches takes none.
  const long = new Float64Array((2 ** 30 + 16) / 8);
  const exchanged = ranks.exchange([empty, long], [0, long.length]);
  mpi.arrive(0);
  assertEquals((await exchanged).map(({ length }) => length), [0, long.length]);
  assertEquals([mpi.sent, [...mpi.expected.values()]], [[2 ** 30, 16], [[2 ** 30, 16]]]);
});
