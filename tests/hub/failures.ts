/** What may go wrong while something is fetched from a hub, whatever it is: a dataset, a model. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import type { ConnectionOptions } from "../../lib/hub/mod.ts";
import type { FakeHub, Mischief } from "../tasks/hub/fake_hub.ts";

/** Something that can be fetched from a hub. */
export interface World extends AsyncDisposable {
  hub: FakeHub;
  /** How long was waited, in milliseconds. */
  waits: number[];
  /** The lines told on the way. */
  notes: string[];
  /** Length of the largest file, which is kept elsewhere than in the repository. */
  largest: number;
  /** Fetches it, if it is not here. */
  fetch(): Promise<void>;
  /** Whether it is here, whole. */
  isHere(): Promise<boolean>;
}

/** Makes something to fetch with a connection of these options, in a folder of its own. */
export type SetUp = (options?: ConnectionOptions) => Promise<World>;

/** A failure: what the hub does, and what becomes of it. */
interface Failure {
  name: string;
  options?: ConnectionOptions;
  /** Tells the hub what to do. */
  act(hub: FakeHub): void;
  /** How long is waited. */
  waits: number[];
  /** What the error says; without it the fetch succeeds. */
  error?: string[];
}

/** A connection that drops after so many bytes and then gives none, until that is too often. */
export const dropsAt = (dropAfter: number): Mischief[] => [
  { dropAfter },
  ...Array<Mischief>(4).fill({ dropAfter: 0 }),
];

/** The failures that a single request meets; the next fetch succeeds after each. */
export const FAILURES: readonly Failure[] = [
  {
    name: "a connection that drops is gone on with",
    act: (hub) => hub.mischief.push({ dropAfter: 100 }, { dropAfter: 50 }),
    waits: [1000, 1000],
  },
  {
    name: "a connection that gives nothing more counts as dropped",
    options: { stallTimeout: 60 },
    act: (hub) => hub.mischief.push({ stallAfter: 100 }),
    waits: [1000],
  },
  {
    name: "damaged bytes are noticed by the checksum",
    act: (hub) => hub.mischief.push({ damage: true }),
    waits: [1000],
  },
  {
    name: "a busy server is waited for, as long as it says",
    act: (hub) => {
      hub.listMischief.push({ status: 429, headers: { "retry-after": "17" } });
      hub.mischief.push({ status: 503 });
    },
    waits: [17000, 1000],
  },
  {
    name: "a server that asks to wait too long is not waited for",
    act: (hub) => hub.listMischief.push({ status: 429, headers: { "retry-after": "3600" } }),
    waits: [],
    error: ["asks to wait 60 minutes"],
  },
  {
    name: "a server that stays broken is an error",
    act: (hub) => hub.listMischief.push(...Array(5).fill({ status: 502 })),
    waits: [1000, 2000, 4000, 8000],
    error: ["answers 502 Bad Gateway"],
  },
  {
    name: "a server that keeps cutting a file off is an error",
    act: (hub) => hub.mischief.push(...Array(5).fill({ dropAfter: 0 })),
    waits: [1000, 2000, 4000, 8000],
    error: ["cannot fetch", "yourself, from http"],
  },
  {
    name: "what may not be listed is an error",
    act: (hub) => hub.listMischief.push({ status: 401 }),
    waits: [],
    error: ["answers 401 Unauthorized", "set HF_TOKEN to a token that may read it"],
  },
  {
    name: "a list behind terms that nobody accepted is an error",
    act: (hub) => hub.listMischief.push({ status: 403 }),
    waits: [],
    error: ["answers 403 Forbidden", "set HF_TOKEN to a token that may read it"],
  },
  {
    name: "a file behind terms that nobody accepted is an error",
    act: (hub) => hub.mischief.push({ status: 403 }),
    waits: [],
    error: ["answers 403 Forbidden", "set HF_TOKEN to a token that may read it"],
  },
  {
    name: "a file that is lost is an error",
    act: (hub) => hub.mischief.push({ status: 404 }),
    waits: [],
    error: ["answers 404 Not Found"],
  },
];

/** Adds the tests of every failure, for something that can be fetched. */
export function testFailures(what: string, setUp: SetUp): void {
  for (const { name, options, act, waits, error } of FAILURES) {
    Deno.test(`${what}: ${name}`, async () => {
      await using world = await setUp(options);
      act(world.hub);
      if (error) {
        const { message } = await assertRejects(() => world.fetch(), UserError);
        for (const words of error) assertStringIncludes(message, words);
        assertEquals(message.includes("\n"), false);
        assertEquals(await world.isHere(), false);
      } else {
        await world.fetch();
        assert(await world.isHere());
      }
      assertEquals(world.waits, waits);
      assertEquals(world.notes.length, waits.length);
      await world.fetch();
      assert(await world.isHere());
    });
  }

  Deno.test(`${what}: no file's break keeps it from being whole, wherever it is`, async () => {
    await using world = await setUp();
    await world.fetch();
    const requests = world.hub.fileRequests.filter(({ path }) => !path.startsWith("/cdn")).length;
    for (let broken = 0; broken < requests; broken++) {
      await using other = await setUp();
      other.hub.mischief.push(...Array(broken).fill({ ignoreRange: true }), ...dropsAt(20));
      await assertRejects(() => other.fetch(), UserError, "broke off at 20 of");
      assertEquals(await other.isHere(), false);
      await other.fetch();
      assert(await other.isHere());
    }
  });

  Deno.test(`${what}: stopping keeps what is there, and it is gone on with`, async () => {
    const controller = new AbortController();
    await using world = await setUp({
      signal: controller.signal,
      progress: (_label, total) => ({
        update(done) {
          if (total === world.largest && done > 0) controller.abort(new Error("stop"));
        },
        finish() {},
      }),
    });
    await assertRejects(() => world.fetch(), Error, "stop");
    assertEquals(await world.isHere(), false);
  });

  Deno.test(`${what}: two at once fetch every file once`, async () => {
    await using world = await setUp({ sleep: () => new Promise((done) => setTimeout(done, 5)) });
    await Promise.all([world.fetch(), world.fetch()]);
    assert(await world.isHere());
    const large = world.hub.seen.map(({ path }) => path).filter((path) => path.startsWith("/cdn"));
    const twice = large.filter((path, i) => /model|parquet$/.test(path) && large.indexOf(path) < i);
    assertEquals(twice, []);
  });

  Deno.test(`${what}: the token goes to the hub`, async () => {
    await using world = await setUp({ token: "hf_secret" });
    await world.fetch();
    assert(world.hub.seen.every(({ authorization }) => authorization === "Bearer hf_secret"));
  });

  Deno.test(`${what}: without a network one line says what to place where`, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    await using world = await setUp({ endpoint: `http://127.0.0.1:${port}` });
    const { message } = await assertRejects(() => world.fetch(), UserError);
    assertStringIncludes(message, `no connection to http://127.0.0.1:${port}`);
    assertStringIncludes(message, "place its");
    assertEquals(message.includes("\n"), false);
  });
}
