/**
 * A server that answers the chat page from a script, in the form that the real one has, and hands the
 * page out as it does.
 */
import { pagePolicy, pages } from "../../lib/serve/pages.ts";

/** A piece of an answer: text, or the type of another part and its text. */
export type Piece = string | ["python" | "python_output", string];

/** How a question is answered. */
export interface Script {
  pieces?: readonly Piece[];
  /** Milliseconds before each piece. */
  pause?: number;
  /** Why it ends; `stop` by default, and `broken` ends the connection. */
  end?: "stop" | "length" | "broken";
  /** How many tokens it is said to have; unless given, nothing is said. */
  tokens?: number;
  /** Turns that did not fit. */
  dropped?: number;
  /** Answers with this status and no more, `times` times. */
  refused?: { status: number; message: string; retryAfter?: number; times?: number };
}

/** A request as it came. */
export interface Asked {
  messages: { role: string; content: unknown }[];
  [field: string]: unknown;
}

const MARKS: Record<string, string> = {
  "text python": "[",
  "python python_output": " = ",
  "python text": "]",
  "python_output text": "]",
};

/** Answers by what the last message says. */
export class MockServer implements AsyncDisposable {
  /** How each question is answered; others are echoed. */
  readonly scripts = new Map<string, Script>();
  /** What was asked, in order. */
  readonly asked: Asked[] = [];
  /** How many answers were left by the page before their end. */
  left = 0;
  /** The key that is wanted, if one is. */
  key: string | undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Begins to listen, on a port of its own. */
  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, (request) => this.#respond(request));
  }

  /** Where the page is. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Ends it, with the answers that are on their way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #respond(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const page = pages.get(pathname);
    if (page) {
      const headers = { "content-type": page.type, "content-security-policy": pagePolicy };
      return new Response(page.body, { headers });
    }
    if (this.key !== undefined && request.headers.get("authorization") !== `Bearer ${this.key}`) {
      return refuse(401, "a key is needed");
    }
    if (pathname === "/v1/models") {
      const defaults = { temperature: 0.6, top_p: 1, top_k: 50, min_p: 0, max_tokens: 256 };
      return Response.json({
        object: "list",
        data: [{ id: "d20", max_model_len: 2048, defaults }],
      });
    }
    if (pathname !== "/v1/chat/completions") return refuse(404, "there is nothing here");
    const asked: Asked = await request.json();
    this.asked.push(asked);
    const question = String(asked.messages.at(-1)?.content);
    const script = this.scripts.get(question) ?? { pieces: [`You said: ${question}`] };
    const { refused } = script;
    if (refused && (refused.times ??= 1) > 0) {
      refused.times--;
      return refuse(refused.status, refused.message, refused.retryAfter);
    }
    const stream = ReadableStream.from(this.#chunks(script)).pipeThrough(new TextEncoderStream());
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  }

  async *#chunks(script: Script): AsyncGenerator<string> {
    const { pieces = [], pause = 0, end = "stop", tokens, dropped = 0 } = script;
    const chunk = (choices: unknown[], more = {}) =>
      `data: ${JSON.stringify({ object: "chat.completion.chunk", choices, ...more })}\n\n`;
    const delta = (delta: unknown) => chunk([{ index: 0, delta, finish_reason: null }], told);
    const told = { dropped_turns: dropped };
    let isComplete = false, before = "text";
    try {
      yield delta({ role: "assistant", content: "" });
      for (const piece of [...pieces, ""]) {
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
        const [part, content] = typeof piece === "string" ? ["text", piece] : piece;
        const mark = MARKS[`${before} ${part}`];
        if (mark) yield delta({ content: mark });
        if (content !== "") yield delta({ content, part });
        before = part;
      }
      isComplete = true;
      if (end === "broken") return;
      yield chunk([{ index: 0, delta: {}, finish_reason: end }], told);
      if (tokens !== undefined) yield chunk([], { ...told, usage: { completion_tokens: tokens } });
      yield "data: [DONE]\n\n";
    } finally {
      if (!isComplete) this.left++;
    }
  }
}

function refuse(status: number, message: string, retryAfter?: number): Response {
  const headers = new Headers();
  if (retryAfter !== undefined) headers.set("retry-after", String(retryAfter));
  return Response.json({ error: { message, type: "error", param: null, code: null } }, {
    status,
    headers,
  });
}
