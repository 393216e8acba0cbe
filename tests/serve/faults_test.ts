/**
 * What careless and hostile clients do to the connections of `serve`, over loopback: after each, it
 * answers the next client in time, and has no answer open.
 */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { fault, target } from "./fault.ts";
import { until } from "./patience.ts";
import { exchange, RawConnection, request, statusesOf } from "./raw_http.ts";
import { ENDLESS } from "./shipped_server.ts";
import { CHATS } from "./target.ts";

const POST = `POST ${CHATS} HTTP/1.1`;
const MB = 1e6;

fault("bodies of 100 MB are refused before they are read", async () => {
  const before = await target.server.residentBytes();
  const chunk = new Uint8Array(65536).fill(32);
  for (const isChunked of [false, true]) {
    const length: Record<string, string> = isChunked
      ? { "transfer-encoding": "chunked" }
      : { "content-length": `${100 * MB}` };
    using connection = await RawConnection.open(target.port);
    const answered = connection.readAll(10);
    let isAnswered = false, sent = 0;
    answered.then(() => isAnswered = true);
    await connection.send(request(POST, { "content-type": "application/json", ...length }));
    while (!isAnswered && sent < 100 * MB) {
      if (isChunked) await connection.send(`${chunk.length.toString(16)}\r\n`);
      const taken = await connection.send(chunk);
      if (isChunked) await connection.send("\r\n");
      if (taken < chunk.length) break;
      sent += taken;
    }
    const statuses = statusesOf(await answered);
    assert(statuses.length === 0 || statuses[0] === 413, `${statuses}`);
    assertLess(sent, 20 * MB);
  }
  assertEquals(statusesOf(await exchange(target.port, request(POST, {}, " ".repeat(2 * MB)))), [
    413,
  ]);
  assertLess(await target.server.residentBytes() - before, 100 * MB);
});

fault("requests one behind the other on a connection", async () => {
  const keep = { connection: "keep-alive" };
  const sent = Array.from({ length: 5 }, () => request(POST, keep, target.chat())).join("");
  const answers = await exchange(target.port, sent + request("GET /health HTTP/1.1"));
  assertEquals(statusesOf(answers), Array(6).fill(200));
  // Longer than clients keep a connection, which may send a request when the server closes it.
  assertStringIncludes(answers.toLowerCase(), "keep-alive: timeout=120\r\n");
});

fault("requests that never end", async () => {
  const halves = [POST, `${POST}\r\nhost: 127.0.0.1\r\nx-a: `];
  halves.push(
    request(POST, { "content-length": "900" }, target.chat()),
    request(POST, {}, target.chat()).slice(0, -9),
  );
  halves.push("", "G");
  const connections: RawConnection[] = [];
  for (let i = 0; i < 300; i++) {
    const connection = await RawConnection.open(target.port);
    await connection.send(halves[i % halves.length]);
    connections.push(connection);
  }
  await target.assertAnswers();
  for (const connection of connections) connection.close();
});

fault("a client that is gone in the middle of its answers", async () => {
  for (const fields of [{ stream: true }, { stream: false }]) {
    using connection = await RawConnection.open(target.port);
    const wanted = { ...ENDLESS, ...fields, n: 4 };
    await connection.send(request(POST, {}, target.chat(wanted)));
    if (fields.stream) assertStringIncludes(await connection.read(200), "200 OK");
    else await until(async () => await target.openAnswers() === 4);
    connection.close(); // with a reset, for there is more to read
    await until(async () => await target.openAnswers() === 0);
  }
});

fault("clients that read slowly or not at all", async () => {
  const before = await target.server.residentBytes();
  const connections: RawConnection[] = [];
  for (let i = 0; i < 8; i++) {
    const connection = await RawConnection.open(target.port);
    const wanted = { ...ENDLESS, stream: true, n: 2, logprobs: true, top_logprobs: 20 };
    await connection.send(request(POST, {}, target.chat(wanted)));
    connections.push(connection);
  }
  // Each answer has more than a megabyte, more than a connection takes unread.
  for (const connection of connections) assertEquals((await connection.read(1)).length, 1);
  await target.assertAsBefore(); // nobody's answer waits for its reader
  assertLess(await target.server.residentBytes() - before, 200 * MB);
  const answer = await connections[0].readAll();
  assert(answer.endsWith("data: [DONE]\n\n\r\n0\r\n\r\n"), answer.slice(-100));
  for (const connection of connections) connection.close();
});

fault("2,000 connections that say nothing", async () => {
  const connections: RawConnection[] = [];
  try {
    for (let i = 0; i < 2000; i++) connections.push(await RawConnection.open(target.port));
    await target.assertAnswers();
  } finally {
    for (const connection of connections) connection.close();
  }
});
