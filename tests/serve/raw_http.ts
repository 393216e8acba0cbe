/** HTTP by hand: what no client would send. */

/** A connection that sends what it is told. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;
  #isOpen = true;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Opens one to a port of this machine. */
  static async open(port: number): Promise<RawConnection> {
    return new RawConnection(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /**
   * Sends all of it, or what the other side takes before it closes.
   *
   * @returns How many bytes were taken.
   */
  async send(sent: string | Uint8Array): Promise<number> {
    const bytes = typeof sent === "string" ? new TextEncoder().encode(sent) : sent;
    let taken = 0;
    try {
      while (taken < bytes.length) taken += await this.#connection.write(bytes.subarray(taken));
    } catch {
      // It closed.
    }
    return taken;
  }

  /** Reads until the other side closes or some seconds are over; then this one closes too. */
  async readAll(seconds = 5): Promise<string> {
    let text = "";
    const decoder = new TextDecoder(), bytes = new Uint8Array(65536);
    const timer = setTimeout(() => this.close(), seconds * 1000);
    try {
      for (let n; (n = await this.#connection.read(bytes)) !== null;) {
        text += decoder.decode(bytes.subarray(0, n), { stream: true });
      }
    } catch {
      // It was reset, or closed by the timer.
    }
    clearTimeout(timer);
    this.close();
    return text;
  }

  /** Reads at most so many bytes, as they come. */
  async read(most: number): Promise<string> {
    const bytes = new Uint8Array(most);
    const n = await this.#connection.read(bytes);
    return new TextDecoder().decode(bytes.subarray(0, n ?? 0));
  }

  /** Closes; where something came that was not read, the other side is told of a reset. */
  close(): void {
    if (this.#isOpen) this.#connection.close();
    this.#isOpen = false;
  }

  /** Closes. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Sends bytes on a connection of their own, and reads the answer until the server closes. */
export async function exchange(port: number, sent: string | Uint8Array): Promise<string> {
  using connection = await RawConnection.open(port);
  const sending = connection.send(sent);
  const answer = await connection.readAll();
  await sending;
  return answer;
}

/** The status codes of the answers on a connection. */
export function statusesOf(answers: string): number[] {
  return Array.from(answers.matchAll(/HTTP\/1\.[01] (\d{3}) /g), ([, status]) => Number(status));
}

/** A request's text; the server is asked to close after it. */
export function request(
  line: string,
  headers: Record<string, string> = {},
  body?: string,
): string {
  const all = {
    host: "127.0.0.1",
    connection: "close",
    ...body === undefined ? {} : {
      "content-type": "application/json",
      "content-length": `${new TextEncoder().encode(body).length}`,
    },
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line}\r\n${lines.join("")}\r\n${body ?? ""}`;
}
