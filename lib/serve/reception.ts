/**
 * What a server can answer at a time, and what it says of itself.
 *
 * @module
 */
import { ApiError } from "./api_error.ts";
import type { EngineDesk } from "./desk.ts";
import type { Service } from "./service.ts";

/** A model that is open, and what is known of where it computes. */
export interface Served {
  /** What requests are answered with. */
  service: Service;
  /** Its desk, for what is counted there. */
  desk: EngineDesk;
  /** Name of the device. */
  device: string;
}

/** How far a server is: its model is being loaded, it answers, it ends, or its device was lost. */
export type ServerState = "loading" | "ok" | "ending" | "failed";

const WHY_NOT = {
  loading: "the model is being loaded",
  ending: "the server is ending",
  failed: "the device was lost",
};

/** Why a server that is not open answers nothing, as an error with status 503. */
export function closedError(state: Exclude<ServerState, "ok">): ApiError {
  return new ApiError(WHY_NOT[state], {
    status: 503,
    type: "server_error",
    code: state === "loading" ? "loading" : "unavailable",
    headers: { "retry-after": state === "loading" ? "2" : "30" },
  });
}

/** Where requests come in before, while and after there is a model to answer them. */
export class Reception {
  #state: ServerState = "loading";
  #served: Served | undefined;
  readonly #openedAt: number;

  /**
   * The model is not there yet.
   *
   * @param now A clock, in milliseconds.
   */
  constructor(readonly now: () => number) {
    this.#openedAt = now();
  }

  /** How far the server is. */
  get state(): ServerState {
    return this.#state;
  }

  /** From now on a model answers. */
  open(served: Served): void {
    this.#served = served;
    this.#state = "ok";
  }

  /** From now on nothing is answered. */
  close(state: "ending" | "failed"): void {
    this.#state = state;
  }

  /**
   * What requests are answered with.
   *
   * @throws {ApiError} with status 503 when there is nothing.
   */
  get served(): Served {
    if (this.#state !== "ok") throw closedError(this.#state);
    return this.#served!;
  }

  /** `GET /health`, with nanochat's fields; status 503 unless requests are answered. */
  health(): Response {
    const isReady = this.#state === "ok", status = isReady ? 200 : 503;
    return Response.json({ status: this.#state, ready: isReady }, {
      status,
      headers: isReady ? {} : { "retry-after": "2" },
    });
  }

  /**
   * `GET /stats`: nanochat's fields, in which the device is the only worker, and what the desk counts.
   *
   * @throws {ApiError} with status 503 when no model is open.
   */
  stats(): Response {
    const { service, desk, device } = this.served, { use, counts } = desk, now = this.now();
    const isFree = use.waiting === 0 && use.rows < use.maxRows;
    return Response.json({
      total_workers: 1,
      available_workers: isFree ? 1 : 0,
      busy_workers: isFree ? 0 : 1,
      workers: [{ gpu_id: 0, device }],
      model: service.id,
      uptime_s: rounded((now - this.#openedAt) / 1000),
      answers: {
        running: use.rows,
        most_running: use.maxRows,
        waiting: use.waiting,
        ordered: counts.ordered,
        ended: counts.ended,
        left: counts.left,
        failed: counts.failed,
        refused: counts.refused,
      },
      tokens: {
        prompt: counts.promptTokens,
        shared: counts.sharedTokens,
        generated: counts.tokens,
        per_second: rounded(counts.tokensPerSecond(now)),
      },
      first_token_ms: {
        p50: rounded(counts.firstTokenTime(0.5)),
        p95: rounded(counts.firstTokenTime(0.95)),
      },
      cache: { pages: use.pages, most_pages: use.maxPages, page_tokens: use.pageTokens },
    });
  }
}

/** One digit behind the point are enough to watch by. */
function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(10 * value) / 10;
}
