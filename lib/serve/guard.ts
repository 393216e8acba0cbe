/**
 * Who may ask. A server of this computer is reached by every page that its browsers show: a page may
 * send requests to it, and by letting its own name point here (DNS rebinding) read the answers.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { UserError } from "../errors.ts";
import { ApiError } from "./api_error.ts";
import { pagePolicy } from "./pages.ts";

/** Names of this computer for itself, as they stand in an address. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Whether only programs of this computer reach a host. */
function isLoopback(host: string): boolean {
  return LOOPBACK.includes(nameInAddress(host)) || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** A host as it stands in an address. */
function nameInAddress(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host.toLowerCase();
}

/** The address of a server's page. */
export function addressOf(host: string, port: number): string {
  // Of all addresses of a computer, this one is meant for those who sit before it.
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : nameInAddress(host);
  return `http://${name}:${port}`;
}

/** What a server is guarded by. */
export interface GuardOptions {
  /** Where it listens. */
  host: string;
  /** What a client must know, if it must know anything. */
  apiKey?: string;
}

/**
 * Checks that a server which others reach wants a key.
 *
 * @throws {UserError} if it wants none.
 */
export function checkReach({ host, apiKey }: GuardOptions): void {
  if (apiKey !== undefined || isLoopback(host)) return;
  throw new UserError(`host ${host} may be reached from other computers, so an API key is needed`, {
    detail: { kind: "noApiKey" },
  });
}

/**
 * Checks that a request names this server, which a page that points its own name here cannot make a
 * browser do. Where a key is needed, every name is fine.
 *
 * @throws {ApiError} with status 403 otherwise.
 */
export function checkHost(request: Request, { host, apiKey }: GuardOptions): void {
  if (apiKey !== undefined) return;
  // A request may name it twice, as a proxy's does.
  const named = [new URL(request.url).host, request.headers.get("host")];
  for (const name of named) {
    if (name === null) continue;
    const hostname = name.replace(/:\d*$/, "").toLowerCase();
    if ([...LOOPBACK, nameInAddress(host)].includes(hostname)) continue;
    throw new ApiError(`this server is not called ${hostname}`, {
      status: 403,
      code: "wrong_host",
    });
  }
}

/**
 * Checks that a request comes from no page but the server's own.
 *
 * @throws {ApiError} with status 403 otherwise.
 */
export function checkOrigin({ url, headers }: Request): void {
  const origin = headers.get("origin"), site = headers.get("sec-fetch-site");
  const isOwn = origin === null || URL.parse(origin)?.host === new URL(url).host;
  if (isOwn && (site === null || site === "same-origin" || site === "none")) return;
  throw new ApiError("requests of other pages are not answered", {
    status: 403,
    code: "wrong_origin",
  });
}

/**
 * Checks that a request has the key, if one is needed.
 *
 * @throws {ApiError} with status 401 otherwise.
 */
export function checkKey({ headers }: Request, { apiKey }: GuardOptions): void {
  if (apiKey === undefined) return;
  const given = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given !== undefined && timingSafeEqual(digest(given), digest(apiKey))) return;
  const message = given === undefined
    ? "an API key is needed: Authorization: Bearer KEY"
    : "the API key is wrong";
  throw new ApiError(message, {
    status: 401,
    code: "invalid_api_key",
    headers: { "www-authenticate": "Bearer" },
  });
}

/** Of equal length for all texts, so that no time tells how long the key is. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** What a browser is told with every response: to load nothing from elsewhere, and to lend nothing. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": pagePolicy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
};

/** Sets the headers that every response has. */
export function setHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
}
