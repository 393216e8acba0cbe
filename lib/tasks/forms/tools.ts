/**
 * Calls of tools as nanochat has them: an expression in the assistant's own message, with its result.
 *
 * @module
 */
import type { ContentPart } from "../../conversation.ts";
import { UserError } from "../../errors.ts";
import { isRecord, parseJson } from "../../json.ts";
import { parseNested } from "./nested_json.ts";
import type { Call, Turn } from "./turns.ts";

/** Names of functions that are nanochat's calculator, or Python. */
const FUNCTIONS = (
  "calculator calculate calc python python_interpreter code_interpreter run_python execute_python"
).split(" ");

/**
 * Checks that all tools that a record declares are ones that a model can call here.
 *
 * @param key Where they are.
 * @param tools A list of functions, as OpenAI has it, or its JSON.
 * @throws {UserError} naming the first other one.
 */
export function checkTools(key: string, tools: unknown): void {
  const list = typeof tools === "string" ? parseNested(tools, `has "${key}"`) : tools;
  for (const tool of Array.isArray(list) ? list : [list]) {
    const name = tool?.function?.name ?? tool?.name;
    if (typeof name === "string" && FUNCTIONS.includes(name.toLowerCase())) continue;
    throw new UserError(
      `has ${JSON.stringify(name) ?? "something without a name"} among its "${key}"; ` +
        "only a calculator and Python can be called here",
    );
  }
}

/**
 * Makes one message of each of an assistant's with calls, the results of those, and what it says
 * then.
 *
 * @throws {UserError} naming the message that calls another function, or lacks its result.
 */
export function joinCalls(turns: readonly Turn[]): readonly Turn[] {
  if (turns.every(({ calls, role }) => !calls && role !== "tool")) return turns;
  const joined: Turn[] = [];
  for (let i = 0; i < turns.length;) {
    const turn = turns[i++];
    if (turn.role === "tool") {
      throw new UserError(`message ${turn.number} (tool) is a result that nothing called for`);
    }
    if (!turn.calls) {
      joined.push(turn);
      continue;
    }
    const parts: ContentPart[] = [];
    let current = turn;
    while (current.calls) {
      const results: Turn[] = [];
      while (turns[i]?.role === "tool") results.push(turns[i++]);
      parts.push(...partsOf(current), ...answered(current, current.calls, results));
      const next = turns.at(i++);
      if (next?.role !== "assistant") {
        const last = results.at(-1)!.number;
        throw new UserError(
          `message ${last} (tool) is not followed by what the assistant says then`,
        );
      }
      if ((next.weight ?? 1) !== (turn.weight ?? 1)) {
        throw new UserError(
          `message ${next.number} (assistant) has another weight than message ${turn.number}, ` +
            "which it goes on from",
        );
      }
      current = next;
    }
    joined.push({ ...turn, content: [...parts, ...partsOf(current)], calls: undefined });
  }
  return joined;
}

function partsOf({ content }: Turn): ContentPart[] {
  if (typeof content !== "string") return content;
  return content === "" ? [] : [{ type: "text", text: content }];
}

/** Each call with its result. */
function answered({ number }: Turn, calls: readonly Call[], results: Turn[]): ContentPart[] {
  const place = `message ${number} (assistant)`;
  const known = calls.map((call) => ({ call, text: expressionOf(call, place) }));
  if (results.length !== calls.length) {
    const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
    throw new UserError(
      `${place} has ${count(calls.length, "call")} and ${count(results.length, "result")} after it`,
    );
  }
  const haveIds = calls.every(({ id }) => id) && results.every(({ callId }) => callId);
  if (haveIds && new Set(calls.map(({ id }) => id)).size < calls.length) {
    throw new UserError(`${place} has two calls of one id`);
  }
  return known.flatMap(({ call: { id, name }, text }, i): ContentPart[] => {
    const result = haveIds ? results.find(({ callId }) => callId === id) : results[i];
    if (!result) {
      throw new UserError(`${place} has the call ${JSON.stringify(id)} without a result`);
    }
    if (result.callName !== undefined && result.callName !== name) {
      throw new UserError(
        `message ${result.number} (tool) is a result of ${JSON.stringify(result.callName)}, ` +
          `but ${JSON.stringify(name)} was called`,
      );
    }
    return [
      { type: "python", text },
      { type: "python_output", text: result.content as string },
    ];
  });
}

/** What a call computes: the one text among its arguments. */
function expressionOf({ name, input, where }: Call, place: string): string {
  if (!FUNCTIONS.includes(name.toLowerCase())) {
    throw new UserError(
      `${place} has in "${where}" the function ${JSON.stringify(name)}; ` +
        "only a calculator and Python can be called here",
    );
  }
  let value = input;
  if (typeof input === "string") {
    try {
      value = parseJson(input);
    } catch {
      // An expression itself.
    }
    if (!isRecord(value)) value = input;
  }
  const values = isRecord(value) ? Object.values(value) : [value];
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  throw new UserError(
    `${place} calls ${JSON.stringify(name)} with other arguments than one expression`,
  );
}
