/** Connections that are held open, half-sent requests and slow readers, over real sockets. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { CONNECTION_TIMES, type ConnectionTimes, listen } from "../../lib/serve/listen.ts";
import type { Listener } from "../../lib/serve/listen.ts";

/** Listens for as long as a test takes. */
async function listening(
  { most = 100, ...times }: Partial<ConnectionTimes> & { most?: number },
  test: (listener: Listener, aborted: () => number) => Promise<void>,
): Promise<void> {
  let aborted = 0;
  const listener = await listen(
    async (request) => {
      request.signal.addEventListener("abort", () => aborted++);
      const { pathname } = new URL(request.url);
      if (pathname === "/endless") {
        return new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(65536)),
          }),
        );
      }
      if (pathname === "/wait") await new Promise((resolve) => setTimeout(resolve, 100));
      return new Response(await request.text());
    },
    { host: "127.0.0.1", port: 0 },
    most,
    () => performance.now(),
    { ...CONNECTION_TIMES, ...times },
  );
  try {
    await test(listener, () => aborted);
  } finally {
    listener.finish();
    listener.end();
    await listener.ended;
  }
}

/** A connection on which something was said. */
async function connect({ port }: Listener, said = ""): Promise<Deno.Conn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(said));
  return connection;
}

/** What is read until the server ends the connection; nothing where it is reset. */
async function readAll(connection: Deno.Conn): Promise<string> {
  return await new Response(connection.readable).text().catch(() => "");
}

async function ask({ port }: Listener, path = "/"): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body: "hi" });
  return await response.text();
}

const HALF_HEAD = "POST / HTTP/1.1\r\nHo";
const HALF_BODY = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12";

Deno.test("many connections that say nothing or half of it keep nobody out", async () => {
  await listening({ most: 20 }, async (listener) => {
    const held = [];
    for (const said of ["", HALF_HEAD, HALF_BODY]) {
      for (let i = 0; i < 30; i++) held.push(await connect(listener, said));
    }
    assertEquals(await ask(listener), "hi");
    assert(listener.connections <= 20);
    held.forEach((connection) => connection.close());
  });
});

Deno.test("a request that is being answered makes no room for others", async () => {
  await listening({ most: 3 }, async (listener) => {
    const answer = ask(listener, "/wait");
    await new Promise((resolve) => setTimeout(resolve, 20));
    const held = [];
    for (let i = 0; i < 10; i++) held.push(await connect(listener));
    assertEquals(await answer, "hi");
    held.forEach((connection) => connection.close());
  });
});

Deno.test("what does not come in time is not waited for", async () => {
  await listening({ headTime: 100, requestTime: 300 }, async (listener) => {
    const [head, body] = await Promise.all([
      connect(listener, HALF_HEAD).then(readAll),
      connect(listener, HALF_BODY).then(readAll),
    ]);
    for (const told of [head, body]) assertStringIncludes(told, "408");
    assertEquals(listener.connections, 0);
  });
});

Deno.test("a reader that takes nothing is dropped, and one that goes away is noticed", async () => {
  await listening({ stalledFor: 500 }, async (listener, aborted) => {
    const request = "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n";
    const stalled = await connect(listener, request), gone = await connect(listener, request);
    await gone.read(new Uint8Array(10));
    gone.close();
    while (aborted() < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(listener.connections, 0);
    stalled.close();
  });
});

Deno.test("a listener that finishes lets answers come to their end", async () => {
  await listening({}, async (listener) => {
    const idle = await connect(listener), answer = ask(listener, "/wait");
    await new Promise((resolve) => setTimeout(resolve, 20));
    listener.finish();
    assertEquals(await readAll(idle), "");
    assertEquals(await answer, "hi");
    await listener.ended;
    await assertRejects(() => connect(listener));
  });
});

Deno.test("of requests sent one behind the other each is answered, also at the end", async () => {
  await listening({}, async (listener) => {
    const head = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const connection = await connect(listener, head("/") + head("/wait"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    listener.finish();
    assertEquals((await readAll(connection)).split("HTTP/1.1 200 OK").length - 1, 2);
  });
});

Deno.test("a port that is taken and a host of elsewhere are named", async () => {
  await listening({}, async ({ port }) => {
    const again = (host: string, port: number) =>
      listen(() => new Response(), { host, port }, 1, () => 0);
    const taken = await assertRejects(() => again("127.0.0.1", port), UserError);
    assertStringIncludes(taken.message, `port ${port} of 127.0.0.1 is taken`);
    const elsewhere = await assertRejects(() => again("192.0.2.1", 0), UserError);
    assertStringIncludes(elsewhere.message, "host must be an address of this computer");
  });
});
