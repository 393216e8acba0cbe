/**
 * Serving a checkpoint.
 *
 * @module
 */
import type { DeviceChoice } from "../device/mod.ts";
import { Engine } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import {
  type ModelOptions,
  type OpenedModel,
  type PlannedTexts,
  type RunIo,
  type WeightOptions,
  withModel,
} from "../training/mod.ts";
import { createApp } from "./app.ts";
import { EngineDesk } from "./desk.ts";
import { addressOf, checkReach, type GuardOptions } from "./guard.ts";
import { listen, type Listener, type ListenOptions } from "./listen.ts";
import { closedError, Reception } from "./reception.ts";
import type { AnswerDefaults } from "./service.ts";

/** What {@link runServe} can be told. */
export interface ServeOptions
  extends AnswerDefaults, ListenOptions, GuardOptions, ModelOptions, WeightOptions, DeviceChoice {
  /** Most answers that are generated at a time. */
  batchSize: number;
  /** Of how many tokens keys and values are kept, of all answers together; of eight full contexts. */
  cacheTokens?: number;
  /** Most answers that wait. */
  queue: number;
}

/** The world around a server. */
export interface ServeIo extends RunIo {
  /** The time, in milliseconds since 1970. */
  date(): number;
}

/** Full contexts for whose tokens there is room, unless it is said for how many. */
const CONTEXTS = 8;
/** How long answers may take to their end when the server is stopped, in milliseconds. */
const GRACE = 10_000;
/** How long clients may take to read why their answers have ended, in milliseconds. */
const LAST_WORDS = 1000;

/**
 * Serves a model until it is stopped. It listens before the model is loaded, and says that it is
 * loading to whoever asks.
 *
 * @throws {UserError} for whatever a person can mend, and when the device is lost.
 */
export async function runServe(options: ServeOptions, io: ServeIo): Promise<void> {
  checkReach(options);
  const { host, apiKey } = options, { terminal, now, date } = io;
  const onError = (error: unknown) => terminal.error(wordsOf(error));
  const reception = new Reception(now);
  const app = createApp(reception, { host, apiKey, date, onError });
  const listener = await listen(app, options, now);
  try {
    const texts = ({ config }: { config: { sequenceLen: number } }) =>
      plannedTexts(options, config.sequenceLen);
    await withModel(
      options,
      io,
      texts,
      (opened) => serve(opened, options, io, { reception, listener, onError }),
    );
  } finally {
    listener.finish();
    listener.end();
    await listener.ended;
  }
}

/** The answers for which there is to be room. */
function plannedTexts(
  { batchSize: rows, cacheTokens }: ServeOptions,
  capacity: number,
): PlannedTexts & { cacheTokens: number } {
  if (cacheTokens !== undefined && cacheTokens < capacity) {
    throw new UserError(
      `cacheTokens must be at least ${capacity}, the tokens of one context, but is ${cacheTokens}`,
      { detail: { kind: "option", option: "cacheTokens" } },
    );
  }
  return { rows, capacity, cacheTokens: cacheTokens ?? CONTEXTS * capacity };
}

/** Answers requests with a model that is open until the server is stopped or the device lost. */
async function serve(
  { model, tokenizer, files }: OpenedModel,
  options: ServeOptions,
  { terminal, signal, now }: ServeIo,
  { reception, listener, onError }: {
    reception: Reception;
    listener: Listener;
    onError(error: unknown): void;
  },
): Promise<void> {
  const engine = new Engine(model, tokenizer, plannedTexts(options, model.config.sequenceLen));
  try {
    const { queue, host, apiKey } = options;
    const { temperature, topK, topP, minP, maxNewTokens } = options;
    const defaults = { temperature, topK, topP, minP, maxNewTokens };
    const desk = new EngineDesk(engine, { queue, now, onError });
    const written = (await Deno.stat(files.model)).mtime;
    const created = Math.floor((written?.getTime() ?? 0) / 1000);
    const service = { id: files.tag, created, tokenizer, defaults, desk };
    const { use: { maxRows, maxPages, pageTokens }, capacity } = engine;
    const contexts = Math.floor(maxPages * pageTokens / capacity);
    terminal.info(
      `Answers: ${maxRows} at a time, ${queue} may wait; KV cache of ${maxPages} pages of ` +
        `${pageTokens} tokens, ${contexts} full contexts of ${capacity}`,
    );
    const address = addressOf(host, listener.port);
    const key = apiKey === undefined ? "no API key" : "an API key is needed";
    reception.open({ service, desk, device: model.device.name });
    terminal.print(`Serving ${service.id}: chat at ${address}/, API at ${address}/v1 (${key})`);
    const lost = await Promise.race([desk.lost, aborted(signal)]);
    const state = lost ? "failed" : "ending", reason = closedError(state);
    reception.close(state);
    desk.close(reason);
    listener.finish();
    if (!lost && desk.use.rows > 0) {
      terminal.info(`Finishing answers, for up to ${GRACE / 1000} s: ${desk.use.rows}`);
    }
    await within(listener.ended, GRACE);
    desk.end(reason);
    await desk.idle();
    await within(listener.ended, LAST_WORDS);
    if (lost) throw lost;
  } finally {
    engine.free();
  }
}

/** What is written to the server's own log: of a fault in this program also where it is. */
function wordsOf(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** Done when a signal is aborted. */
async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

/** Waits for something, but no longer than so many milliseconds. */
async function within(done: Promise<void>, milliseconds: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, milliseconds);
  await Promise.race([done, timeout.promise]);
  clearTimeout(timer);
}
