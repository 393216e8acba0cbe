import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import type { ApiError } from "../../lib/serve/api_error.ts";
import {
  addressOf,
  checkHost,
  checkKey,
  checkOrigin,
  checkReach,
  type GuardOptions,
} from "../../lib/serve/guard.ts";

const LOCAL: GuardOptions = { host: "127.0.0.1" };

/** The status with which a check refuses, or 200. */
function statusOf(check: () => void): number {
  try {
    check();
    return 200;
  } catch (error) {
    return (error as ApiError).status;
  }
}

function request(url: string, headers: Record<string, string> = {}): Request {
  return new Request(url, { headers });
}

Deno.test("only names of this computer are answered, unless there is a key", () => {
  const at = (url: string, options = LOCAL, host = new URL(url).host) =>
    statusOf(() => checkHost(request(url, { host }), options));
  for (const name of ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"]) {
    assertEquals([at(`http://${name}:8000/`), at(`http://${name}/`)], [200, 200], name);
  }
  for (const name of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0"]) {
    assertEquals(at(`http://${name}:8000/`), 403, name);
  }
  assertEquals(at("http://localhost:8000/", LOCAL, "evil.example"), 403);
  assertEquals(at("http://evil.example:8000/", LOCAL, "localhost"), 403);
  assertEquals(at("http://127.0.0.5:8000/", { host: "127.0.0.5" }), 200);
  assertEquals(at("http://[fe80::1]:8000/", { host: "fe80::1" }), 200);
  assertEquals(at("http://box.example/", { host: "0.0.0.0", apiKey: "k" }), 200);
});

Deno.test("pages of elsewhere are refused, and programs that are no browser are not", () => {
  const from = (headers: Record<string, string>) =>
    statusOf(() => checkOrigin(request("http://localhost:8000/v1/models", headers)));
  assertEquals(from({}), 200);
  assertEquals(from({ origin: "http://localhost:8000", "sec-fetch-site": "same-origin" }), 200);
  assertEquals(from({ "sec-fetch-site": "none" }), 200);
  const others = ["http://evil.example", "http://localhost:3000", "http://127.0.0.1:8000", "null"];
  for (const origin of others) assertEquals(from({ origin }), 403, origin);
  for (const site of ["cross-site", "same-site"]) {
    assertEquals(from({ "sec-fetch-site": site }), 403, site);
  }
});

Deno.test("a key is asked for where there is one", () => {
  const guarded = { ...LOCAL, apiKey: "secret" };
  const having = (authorization?: string, options: GuardOptions = guarded) =>
    statusOf(() => checkKey(request("http://x/", authorization ? { authorization } : {}), options));
  assertEquals(having("Bearer secret"), 200);
  assertEquals(having("bearer secret"), 200);
  assertEquals(having("Bearer any", LOCAL), 200);
  for (const wrong of [undefined, "Bearer Secret", "Bearer secrets", "secret", "Basic secret"]) {
    assertEquals(having(wrong), 401, wrong);
  }
});

Deno.test("a host that others reach wants a key", () => {
  for (const host of ["127.0.0.1", "localhost", "::1", "127.0.0.9"]) checkReach({ host });
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "127.0.0.1.example"]) {
    assertThrows(() => checkReach({ host }), UserError, `host ${host} may be reached`);
    checkReach({ host, apiKey: "k" });
  }
});

Deno.test("a page's address is one that a browser can open", () => {
  assertEquals(addressOf("127.0.0.1", 8000), "http://127.0.0.1:8000");
  assertEquals(addressOf("::1", 80), "http://[::1]:80");
  assertEquals(addressOf("0.0.0.0", 8000), "http://localhost:8000");
});
