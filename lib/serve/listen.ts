/**
 * Listening for requests.
 *
 * `Deno.serve` has neither a limit of connections nor of the time in which a request must come: a
 * client that connects and says nothing keeps its place for ever, and when there are more of them than
 * files may be open, its loop ends and with it the process (Deno 2.9: "Too many open files"). `node:http`
 * has limits of time. It takes no connection ever again once files have run out, so that it must not
 * come to that: {@link Connections} has the other limit.
 *
 * @module
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { optionError, UserError } from "../errors.ts";
import { Connections } from "./connections.ts";

/** Where a server listens. */
export interface ListenOptions {
  /** Name or number of the computer's address. */
  host: string;
  /** The port; 0 for any that is free. */
  port: number;
}

/** How long connections are waited for, in milliseconds. */
export interface ConnectionTimes {
  /** In which time a request's head must come. */
  headTime: number;
  /** In which time a whole request must come, so that a half-sent one is not kept. */
  requestTime: number;
  /** For which time a connection is kept after an answer. */
  keepAlive: number;
  /** For which time a reader may take nothing of what is sent. */
  stalledFor: number;
}

/** What a server is used with. */
export const CONNECTION_TIMES: ConnectionTimes = {
  headTime: 10_000,
  requestTime: 40_000,
  // Longer than clients keep theirs (90 s in Deno and Go): whoever closes first meets no request that
  // is on its way. Connections that nobody uses make room when there are too many.
  keepAlive: 120_000,
  stalledFor: 60_000,
};

/** How often connections are looked at, in milliseconds. */
const SWEEP = 1000;
/** Most bytes of a request's head. */
const HEAD_BYTES = 16 * 1024;

/** A server that listens. */
export interface Listener {
  /** Its port. */
  readonly port: number;
  /** Open connections. */
  readonly connections: number;
  /** Takes no more connections, and ends those on which nothing is answered. */
  finish(): void;
  /** Ends all connections. */
  end(): void;
  /** Done when it listens no more and all connections have ended. */
  readonly ended: Promise<void>;
}

/**
 * Listens for requests.
 *
 * @param answer What a request is answered with. Its signal is aborted when the client goes away.
 * @param most How many connections there may be.
 * @param now A clock, in milliseconds.
 * @throws {UserError} naming the host or the port, where it cannot.
 */
export async function listen(
  answer: (request: Request) => Response | Promise<Response>,
  { host, port }: ListenOptions,
  most: number,
  now: () => number,
  times: ConnectionTimes = CONNECTION_TIMES,
): Promise<Listener> {
  const connections = new Connections(most, times.stalledFor);
  const server = createServer({
    headersTimeout: times.headTime,
    requestTimeout: times.requestTime,
    keepAliveTimeout: times.keepAlive,
    connectionsCheckingInterval: SWEEP,
    maxHeaderSize: HEAD_BYTES,
  });
  const respond = getRequestListener(answer, { overrideGlobalObjects: false });
  server.on("connection", (socket) => connections.open(socket, now()));
  server.on("request", (request, response) => {
    connections.answer(request, response);
    void respond(request, response);
  });
  await bind(server, host, port);
  const sweeper = setInterval(() => connections.sweep(now()), SWEEP);
  const ended = Promise.withResolvers<void>();
  server.on("close", () => {
    clearInterval(sweeper);
    ended.resolve();
  });
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.size;
    },
    finish: () => {
      server.close();
      connections.finish();
    },
    end: () => connections.end(),
    ended: ended.promise,
  };
}

async function bind(server: Server, host: string, port: number): Promise<void> {
  // Node's own error for a permission that Deno was not given is one that nobody can catch.
  tryAddress(host, port);
  const bound = Promise.withResolvers<void>();
  server.once("error", bound.reject);
  server.listen(port, host, () => bound.resolve());
  await bound.promise;
  server.off("error", bound.reject);
}

/**
 * Listens for a moment.
 *
 * @throws {UserError} naming the host or the port, where that is not possible.
 */
function tryAddress(host: string, port: number): void {
  try {
    Deno.listen({ hostname: host, port }).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const named = (option: string, message: string) =>
      new UserError(message, { cause: error, detail: { kind: "option", option } });
    if (error instanceof Deno.errors.AddrInUse) {
      const words = "is taken by another program; take another, or 0 for any that is free";
      throw named("port", `port ${port} of ${host} ${words}`);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw named("port", `port ${port} may not be used by this program; take one from 1024`);
    }
    throw optionError("host", "an address of this computer", host);
  }
}
