/**
 * Requests that `serve` refuses, whoever sends them and however: in the client's words, without a
 * word of what is inside, and it goes on as before.
 */
import { assert, assertEquals } from "@std/assert";
import { fault, target } from "./fault.ts";
import { exchange, request, statusesOf } from "./raw_http.ts";
import { CHATS } from "./target.ts";

const POST = `POST ${CHATS} HTTP/1.1`;

/** Whether all are refused, by a status of the client's faults or by the end of the connection. */
async function assertRefused(...requests: (string | Uint8Array)[]): Promise<void> {
  for (const sent of requests) {
    const answer = await exchange(target.port, sent);
    const statuses = statusesOf(answer), seen = `${sent.slice(0, 200)}\n→ ${answer.slice(0, 500)}`;
    assert(statuses.every((status) => status >= 400 && status < 500), seen);
    assert(statuses.length <= 1, seen);
    assert(!/\n\s+at |file:|\.ts:/.test(answer), seen); // nothing of what is inside
  }
}

/** A body that is a chat's, but for some bytes. */
function postBytes(body: Uint8Array): Uint8Array {
  const head = request(POST, {
    "content-type": "application/json",
    "content-length": `${body.length}`,
  });
  return Uint8Array.from([...new TextEncoder().encode(head), ...body]);
}

fault("bodies that are no JSON, or not of a chat", async () => {
  const bodies = [
    "",
    "{",
    "nul",
    '{"model": NaN}',
    "[]",
    "null",
    '"text"',
    "7",
    target.chat() + "}",
  ];
  bodies.push("[".repeat(500_000), '{"a":'.repeat(100_000), target.chat({ messages: "hello" }));
  bodies.push(
    target.chat({ messages: [] }),
    target.chat({ messages: [null] }),
    target.chat({ messages: [{ role: 7 }] }),
  );
  await assertRefused(...bodies.map((body) => request(POST, {}, body)));
  const answer = await exchange(target.port, request(POST, {}, "{"));
  const { error } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
  assertEquals(error.type, "invalid_request_error");
});

fault("bytes that are no UTF-8", async () => {
  const bytes = new TextEncoder().encode(target.chat());
  const story = target.chat().indexOf("story");
  for (const wrong of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f]]) {
    const body = bytes.slice();
    body.set(wrong, story);
    await assertRefused(postBytes(body));
  }
});

fault("numbers without sense", async () => {
  const fields = ["max_tokens", "n", "temperature", "top_k", "top_logprobs", "seed", "top_p"];
  const numbers = ["1e400", "-1e400", "-1", "1.5e300", '"7"', "[1]"];
  const bodies = fields.flatMap((field) =>
    numbers.map((number) => target.chat().replace(/}$/, `,"logprobs":true,"${field}":${number}}`))
  );
  bodies.push(target.chat({ logit_bias: { "1e30": 1 } }), target.chat({ logit_bias: { "-1": 1 } }));
  bodies.push(target.chat({ logit_bias: { __proto__: null, "0": 1e9 } }));
  await assertRefused(...bodies.map((body) => request(POST, {}, body)));
});

fault("hosts and origins of others", async () => {
  const body = target.chat(), { port } = target;
  const hosts = [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "a b",
    "[::1",
    "",
  ];
  hosts.push("127.0.0.1@evil.example", "localhost.evil.example", "127.0.0.2", "0x7f.1", "[::2]");
  await assertRefused(...hosts.map((host) => request(POST, { host }, body)));
  const origins = [
    "http://evil.example",
    "null",
    "https://127.0.0.1:1",
    `http://127.0.0.1:${port + 1}`,
  ];
  await assertRefused(...origins.map((origin) => request(POST, { origin }, body)));
  await assertRefused(
    request(POST, { "sec-fetch-site": "cross-site" }, body),
    request(POST, { "content-type": "text/plain" }, body), // what a form of another page can send
    `${POST}\r\nhost: 127.0.0.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n`,
    request(`GET http://evil.example/v1/models HTTP/1.1`),
    request(`GET http://evil.example/ HTTP/1.1`, { host: "evil.example" }),
  );
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
    assertEquals(statusesOf(await exchange(port, request(POST, { host }, body))), [200], host);
  }
  const origin = target.server.url, host = `127.0.0.1:${port}`;
  assertEquals(statusesOf(await exchange(port, request(POST, { host, origin }, body))), [200]);
});

fault("paths that lead elsewhere", async () => {
  const paths = ["/../deno.json", "/../../etc/passwd", "/%2e%2e/deno.json", "/..%2fdeno.json"];
  paths.push("//evil.example/", "/\\..\\deno.json", "/%00", "/\0", "/v1/../../deno.json", "*");
  paths.push("/v1/models/%2e%2e%2f%2e%2e", "/v1/models/%ff", "/%", `/${"a".repeat(100_000)}`);
  paths.push(
    "/constructor",
    "/__proto__",
    "/.git/config",
    "/lib/serve/mod.ts",
    "/v1/models/__proto__",
  );
  await assertRefused(...paths.map((path) => request(`GET ${path} HTTP/1.1`)));
});

fault("other methods and versions", async () => {
  const methods = ["TRACE", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "FOO", "get"];
  await assertRefused(
    ...methods.map((method) => request(`${method} ${CHATS} HTTP/1.1`)),
    request("CONNECT evil.example:443 HTTP/1.1"),
    request(`GET ${CHATS} HTTP/1.1`),
    request("GET /health HTTP/9.9"),
    "GET /health\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\r\n\r\n", // TLS
  );
  const preflight = await exchange(
    target.port,
    request(`OPTIONS ${CHATS} HTTP/1.1`, { "access-control-request-method": "POST" }),
  );
  assert(!/access-control-allow/i.test(preflight), preflight);
  const head = await exchange(target.port, request("HEAD /health HTTP/1.1"));
  assertEquals(statusesOf(head), [200]);
  assert(head.endsWith("\r\n\r\n"), head);
  assertEquals(statusesOf(await exchange(target.port, request("GET /health HTTP/1.0"))), [200]);
});

fault("requests whose end can be read in two ways", async () => {
  const smuggled = request("GET /health HTTP/1.1");
  const head = `${POST}\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n`;
  await assertRefused(
    `${head}content-length: 3\r\ncontent-length: 5\r\n\r\nabcde${smuggled}`,
    `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `${head}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
    `${head}content-length: -1\r\n\r\n${smuggled}`,
    `${head}content-length: 1e3\r\n\r\n${smuggled}`,
    `${head}transfer-encoding: chunked\r\n\r\nZZ\r\n${smuggled}`,
    `${head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n${smuggled}`,
  );
});

fault("headers beyond measure", async () => {
  await assertRefused(
    request("GET /health HTTP/1.1", { "x-long": "a".repeat(65536) }),
    request("GET /health HTTP/1.1", { "x-long": "a".repeat(2_000_000) }),
    request(
      "GET /health HTTP/1.1",
      Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`x-${i}`, "a"])),
    ),
  );
});
