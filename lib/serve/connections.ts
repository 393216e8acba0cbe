/**
 * The connections of a server: never more than a number, and none that keeps its place for nothing.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What is known of a connection. */
interface Connection {
  /** The request that is being answered; the last one, if there are several. */
  request?: IncomingMessage;
  /** Bytes that were sent when it was looked at last, and when these were the same for the first time. */
  sent: number;
  since: number;
}

/**
 * Whoever connects gets a place. If there are too many, the one that has been connected the longest
 * without a whole request that is being answered makes room, so that connections that are held open,
 * and requests of which half is sent, keep nobody out.
 */
export class Connections {
  // In the order in which they came.
  readonly #all = new Map<Socket, Connection>();
  #isEnding = false;

  /**
   * None yet.
   *
   * @param most How many there may be.
   * @param stalledFor Milliseconds for which a reader may take nothing of what is sent.
   */
  constructor(readonly most: number, readonly stalledFor: number) {}

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** Takes a connection, at a time in milliseconds. */
  open(socket: Socket, now: number): void {
    this.#all.set(socket, { sent: 0, since: now });
    socket.on("close", () => this.#all.delete(socket));
    // Whoever resets a connection is gone, which is no fault here.
    socket.on("error", () => socket.destroy());
    if (this.#all.size <= this.most) return;
    for (const [other, connection] of this.#all) {
      if (isAnswered(connection)) continue;
      this.#drop(other);
      return;
    }
    this.#drop(socket);
  }

  /** Notes that a request is being answered. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request, connection = this.#all.get(socket);
    if (!connection) return;
    connection.request = request;
    response.on("close", () => {
      // A client may send the next request before the answer to this one has ended.
      if (connection.request !== request) return;
      connection.request = undefined;
      if (this.#isEnding) socket.end();
    });
  }

  /** Drops those that have taken nothing for too long of what was to be sent to them. */
  sweep(now: number): void {
    for (const [socket, connection] of this.#all) {
      const sent = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength === 0 || sent !== connection.sent) {
        Object.assign(connection, { sent, since: now });
      } else if (now - connection.since >= this.stalledFor) this.#drop(socket);
    }
  }

  /** Drops those on which nothing is answered, and from now on the others once that is done. */
  finish(): void {
    this.#isEnding = true;
    for (const [socket, connection] of this.#all) {
      if (!isAnswered(connection)) this.#drop(socket);
    }
  }

  /** Drops all. */
  end(): void {
    for (const socket of this.#all.keys()) this.#drop(socket);
  }

  #drop(socket: Socket): void {
    // Its event comes later, and the place is free now.
    this.#all.delete(socket);
    socket.destroy();
  }
}

/** Whether there is a request that has come as a whole. */
function isAnswered({ request }: Connection): boolean {
  return request !== undefined && request.complete;
}
