/**
 * What a model reads of a conversation.
 *
 * @module
 */
import type { Message } from "../conversation.ts";
import { turnsToDrop } from "../engine/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { ApiError } from "./api_error.ts";
import type { Service } from "./service.ts";

/** How a conversation is fitted into the context. */
export interface PromptOptions {
  /** Most tokens of the answer. */
  maxNewTokens: number;
  /** Whether the oldest turns are dropped where not all fit; else that is an error. */
  dropOldest: boolean;
}

/** A prompt, and what is not in it. */
export interface RenderedPrompt {
  /** Token ids. */
  prompt: number[];
  /** How many turns were dropped, each a question with its answer. */
  droppedTurns: number;
}

/**
 * Renders a conversation up to where the answer begins, as a `ChatSession` does for the same turns.
 *
 * @param messages An optional system message, then user and assistant in turns, the user last. A
 * system message is kept whatever is dropped.
 * @throws {ApiError} if it has no room in the context.
 */
export function renderPrompt(
  messages: readonly Message[],
  { tokenizer, desk: { capacity } }: Service,
  { maxNewTokens, dropOldest }: PromptOptions,
): RenderedPrompt {
  const system = messages.filter(({ role }) => role === "system");
  const all = messages.slice(system.length);
  const surely = dropOldest ? turnsBeyond(all, mostCharacters(tokenizer, capacity)) : 0;
  const turns = all.slice(2 * surely);
  checkCharacters(charactersOf([...system, ...turns]), tokenizer, capacity, "messages");
  const render = (messages: readonly Message[]): number[] =>
    tokenizer.renderForCompletion(
      { messages: [...messages, { role: "assistant", content: "" }] },
      Infinity,
    );
  let droppedTurns = 0;
  if (dropOldest && turns.length > 1) {
    const lengths: number[] = [];
    for (let i = 0; i + 1 < turns.length; i += 2) {
      const turn = { messages: turns.slice(i, i + 2) };
      // Without what begins every document.
      lengths.push(tokenizer.renderConversation(turn, Infinity).ids.length - 1);
    }
    const question = render([...system, turns[turns.length - 1]]).length;
    droppedTurns = turnsToDrop({ turns: lengths, question, maxNewTokens, capacity });
  }
  const prompt = render([...system, ...turns.slice(2 * droppedTurns)]);
  checkRoom(prompt.length, capacity, "messages");
  return { prompt, droppedTurns: surely + droppedTurns };
}

/** How many turns are too old to fit, whatever their tokens are. */
function turnsBeyond(turns: readonly Message[], most: number): number {
  let characters = charactersOf(turns), beyond = 0;
  while (characters > most && 2 * beyond + 1 < turns.length) {
    characters -= charactersOf(turns.slice(2 * beyond, 2 * beyond + 2));
    beyond++;
  }
  return beyond;
}

function charactersOf(messages: readonly Message[]): number {
  return messages.reduce((sum, { content }) => {
    const texts = typeof content === "string" ? [content] : content.map(({ text }) => text);
    return texts.reduce((sum, text) => sum + text.length, sum);
  }, 0);
}

/** Of how many characters a prompt can be at most that has room: a token has so many bytes at most. */
function mostCharacters({ tokenBytes }: Tokenizer, capacity: number): number {
  return capacity * tokenBytes.reduce((most, bytes) => Math.max(most, bytes), 1);
}

/**
 * Refuses at once what is far too long: to tokenize a mebibyte keeps everybody waiting.
 *
 * @param param The field that holds the prompt.
 * @throws {ApiError} if so many characters leave no room for an answer, whatever their tokens are.
 */
export function checkCharacters(
  characters: number,
  tokenizer: Tokenizer,
  capacity: number,
  param: string,
): void {
  if (characters <= mostCharacters(tokenizer, capacity)) return;
  throw tooLong(`${characters} characters`, capacity, param);
}

/**
 * @param param The field that holds the prompt.
 * @throws {ApiError} if a prompt leaves no room for an answer.
 */
export function checkRoom(tokens: number, capacity: number, param: string): void {
  if (tokens >= capacity) throw tooLong(`${tokens} tokens`, capacity, param);
}

function tooLong(length: string, capacity: number, param: string): ApiError {
  return new ApiError(
    `the prompt is ${length} long, but the model's context holds ${capacity} tokens with the ` +
      `answer; shorten it`,
    { param, code: "context_length_exceeded" },
  );
}
