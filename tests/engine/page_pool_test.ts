import { assert, assertEquals } from "@std/assert";
import { type Lease, PagePool } from "../../lib/engine/page_pool.ts";

/** Tokens from one number up to another. */
const from = (start: number, end: number) =>
  Array.from({ length: end - start }, (_, i) => start + i);

/** A lease that must be there. */
function lease(pool: PagePool, tokens: number[], limit: number): Lease {
  const given = pool.lease(tokens, limit);
  assert(given, "there are pages");
  return given;
}

/** A lease whose tokens are all read. */
function read(pool: PagePool, tokens: number[], limit = tokens.length): Lease {
  const given = lease(pool, tokens, limit);
  pool.holds(given, tokens, tokens.length);
  return given;
}

Deno.test("sequences with nothing in common have pages of their own, as many as they will need", () => {
  const pool = new PagePool(6, 4);
  const a = read(pool, from(0, 5), 9), b = read(pool, from(10, 14), 9);
  assertEquals([a.shared, b.shared], [0, 0]);
  assertEquals(new Set([...a.pages, ...b.pages]).size, 6);
  assertEquals(pool.held, 6);
  assertEquals(pool.lease([99], 1), undefined);
  pool.giveBack(a);
  assertEquals(pool.held, 3);
  assertEquals(lease(pool, [99], 12).pages.length, 3);
});

Deno.test("what another holds is shared page by page, and the rest of its page is copied", () => {
  const pool = new PagePool(8, 4), a = read(pool, from(0, 10));
  const b = lease(pool, [...from(0, 9), 77], 12);
  assertEquals([b.shared, b.pages.slice(0, 2)], [9, a.pages.slice(0, 2)]);
  assertEquals(b.copy, { from: a.pages[2], to: b.pages[2] });
  assertEquals(pool.held, 4);
  // What the first goes on with is not the second's.
  pool.holds(a, [...from(0, 10), 50], 11);
  pool.holds(b, [...from(0, 9), 77, 78], 11);
  const c = lease(pool, [...from(0, 9), 77, 78], 12);
  assertEquals([c.shared, c.copy?.from], [11, b.pages[2]]);
  // A beginning that is not the whole of a page.
  assertEquals(lease(pool, [0, 1, 9], 4).shared, 2);
});

Deno.test("what nobody holds is taken over, and what waited longest is forgotten first", () => {
  const pool = new PagePool(4, 4);
  const a = read(pool, from(0, 6)), b = read(pool, from(20, 26));
  pool.giveBack(a);
  pool.giveBack(b);
  assertEquals(pool.held, 0);
  // The second page of the second is gone on with where it lies: no fifth page is needed.
  const again = lease(pool, [...from(20, 25), 99], 16);
  assertEquals([again.shared, again.copy], [5, undefined]);
  assertEquals(again.pages.slice(0, 2), b.pages.slice(0, 2));
  assertEquals(again.pages.length, 4);
  pool.giveBack(again);
  assertEquals(lease(pool, from(0, 6), 8).shared, 0, "the first was forgotten");
});

Deno.test("a lease that cannot be had changes nothing", () => {
  const pool = new PagePool(3, 4), a = read(pool, from(0, 6));
  const b = read(pool, from(30, 33));
  pool.giveBack(b);
  for (let i = 0; i < 3; i++) assertEquals(pool.lease(from(0, 6), 16), undefined);
  assertEquals(pool.held, 2);
  assertEquals(lease(pool, from(30, 33), 4).shared, 3, "and what was kept is kept still");
  pool.giveBack(a);
});

Deno.test("a page that is copied does not keep its sequence from having all pages", () => {
  const pool = new PagePool(3, 4);
  pool.giveBack(read(pool, from(0, 12)));
  // The first page has others after it, so that it cannot be gone on with where it lies.
  const tokens = [0, 1, 99], all = lease(pool, tokens, 12);
  assertEquals([all.shared, new Set(all.pages).size], [2, 3]);
  pool.giveBack(all);
  assertEquals(pool.held, 0);
});

for (const count of [5, 12]) {
  Deno.test(`in any order of coming and going, no page of ${count} is held for two that differ`, () => {
    const pool = new PagePool(count, 4), rows: { lease: Lease; tokens: number[] }[] = [];
    /** What each page's rows hold, as the device would have it. */
    const memory = Array.from({ length: count }, () => Array<number>(4).fill(-1));
    let state = 7;
    const random = (n: number) => (state = state * 1103515245 + 12345 & 0x7fffffff) % 65536 % n;
    let shared = 0, copied = 0;
    for (let turn = 0; turn < 3000; turn++) {
      const tokens = Array.from({ length: 1 + random(14) }, (_, i) => i < 5 ? 0 : random(2));
      const given = pool.lease(tokens, tokens.length + random(4));
      if (given) {
        if (given.copy) memory[given.copy.to] = [...memory[given.copy.from]];
        shared += given.shared;
        copied += given.copy ? 1 : 0;
        for (let i = given.shared; i < tokens.length; i++) {
          memory[given.pages[i >> 2]][i & 3] = tokens[i];
        }
        pool.holds(given, tokens, tokens.length);
        rows.push({ lease: given, tokens });
      }
      for (const { lease, tokens } of rows) {
        assertEquals(tokens.map((_, i) => memory[lease.pages[i >> 2]][i & 3]), tokens);
      }
      if (!given || random(3) === 0) {
        const [gone] = rows.splice(random(rows.length), 1);
        if (gone) pool.giveBack(gone.lease);
      }
    }
    assert(shared > 5000 && copied > 100, `${shared} tokens shared, ${copied} pages copied`);
    rows.forEach(({ lease }) => pool.giveBack(lease));
    assertEquals(pool.held, 0);
  });
}
