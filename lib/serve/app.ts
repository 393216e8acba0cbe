/**
 * Which request gets which answer.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { UserError } from "../errors.ts";
import { ApiError } from "./api_error.ts";
import { readJson } from "./body.ts";
import { checkHost, checkKey, checkOrigin, type GuardOptions, setHeaders } from "./guard.ts";
import { detailResponse, nanochatCompletion } from "./nanochat/mod.ts";
import {
  chatCompletion,
  errorResponse,
  listModels,
  retrieveModel,
  textCompletion,
} from "./openai/mod.ts";
import { type Page, pages } from "./pages.ts";
import type { Reception } from "./reception.ts";
import { BusyError } from "./service.ts";

/** What an app is told beside where its model is. */
export interface AppOptions extends GuardOptions {
  /** The time, in milliseconds since 1970. */
  date(): number;
  /** Told of an error that is no client's. */
  onError(error: unknown): void;
}

/**
 * Answers requests. The chat page and `GET /health` are for everybody who names this server; the
 * rest, what is not there too, for those who have the key and are no page of elsewhere.
 */
export function createApp(
  reception: Reception,
  options: AppOptions,
): (request: Request) => Promise<Response> {
  const app = new Hono();
  const isPublic = (path: string) => path === "/health" || pages.has(path);
  app.use(async ({ req }, next) => {
    checkHost(req.raw, options);
    if (!isPublic(req.path)) {
      checkOrigin(req.raw);
      checkKey(req.raw, options);
    }
    await next();
  });

  const { date } = options;
  route(app, "GET", "/health", () => reception.health());
  route(app, "GET", "/stats", () => reception.stats());
  for (const [path, page] of pages) route(app, "GET", path, () => pageResponse(page));
  route(app, "GET", "/v1/models", () => listModels(reception.served.service));
  route(app, "GET", "/v1/models/:id", ({ req }) => {
    return retrieveModel(req.param("id")!, reception.served.service);
  });
  route(app, "POST", "/v1/chat/completions", async ({ req: { raw } }) => {
    const body = await readFor(reception, raw);
    return await chatCompletion(body, reception.served.service, raw.signal, date);
  });
  route(app, "POST", "/v1/completions", async ({ req: { raw } }) => {
    const body = await readFor(reception, raw);
    return await textCompletion(body, reception.served.service, raw.signal, date);
  });
  route(app, "POST", "/chat/completions", async ({ req: { raw } }) => {
    try {
      const body = await readFor(reception, raw);
      return nanochatCompletion(body, reception.served.service, raw.signal);
    } catch (error) {
      if (isForClient(error)) return detailResponse(error);
      throw error;
    }
  });

  app.notFound(({ req }) => {
    return errorResponse(new ApiError(`there is no ${req.path} here`, { status: 404 }));
  });
  app.onError((error, { req }) => {
    // Of a client that has gone away, nothing is to be told.
    if (!isForClient(error) && !req.raw.signal.aborted) options.onError(error);
    return errorResponse(error);
  });
  return async (request) => {
    const response = await app.fetch(request);
    setHeaders(response.headers);
    return response;
  };
}

/** Answers one method at a path, and says which one it is where another is used. */
function route(
  app: Hono,
  method: "GET" | "POST",
  path: string,
  answer: (context: Context) => Response | Promise<Response>,
): void {
  app.on(method, path, answer);
  const allow = method === "GET" ? "GET, HEAD" : method;
  app.all(path, ({ req }) => {
    throw new ApiError(`${req.path} is not for ${req.method}, but for ${allow}`, {
      status: 405,
      code: "method_not_supported",
      headers: { allow },
    });
  });
}

/** A request's JSON, which is not waited for where nobody would answer it. */
async function readFor(reception: Reception, request: Request): Promise<unknown> {
  void reception.served;
  return await readJson(request);
}

/** Whether an error's own words are meant for whoever asked. */
function isForClient(error: unknown): boolean {
  return error instanceof ApiError || error instanceof BusyError || error instanceof UserError;
}

function pageResponse({ body, type }: Page): Response {
  return new Response(body, { headers: { "content-type": type, "cache-control": "no-cache" } });
}
