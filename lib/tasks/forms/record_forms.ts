/**
 * The forms in which records hold conversations.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { isRecord, parseJson } from "../../json.ts";
import { wordsFor } from "../../json_lines.ts";

/** A record that is no list. */
type Fields = Record<string, unknown>;

/** A form of records. */
export interface RecordForm {
  /** What it is called. */
  name: string;
  /** The keys that make it. */
  keys: readonly string[];
  /** Whether its messages are a list, beside which a record may hold what it likes. */
  isList?: true;
  /** Its messages, which may be of any kind that there is. */
  messages(record: Fields): unknown[];
}

const user = (content: unknown) => ({ role: "user", content });
const assistant = (content: unknown) => ({ role: "assistant", content });

/** Pairs of keys: what is asked, and the answer. */
const PAIRS = [
  ["prompt", "completion"],
  ["prompt", "response"],
  ["question", "answer"],
  ["question", "response"],
  ["query", "response"],
  ["input", "output"],
] as const;

/** All forms but a list of messages by itself. */
const FORMS: readonly RecordForm[] = [
  ...["messages", "conversations", "conversation"].map((key): RecordForm => ({
    name: key,
    keys: [key],
    isList: true,
    messages: (record) => listIn(record, key),
  })),
  { name: "Alpaca", keys: ["instruction", "output"], messages: alpaca },
  ...PAIRS.map(([asked, answer]): RecordForm => ({
    name: `${asked} and ${answer}`,
    keys: [asked, answer],
    messages: (record) => pair(record, asked, answer),
  })),
];

/** What a list of messages by itself is called. */
const BARE_LIST = "lists of messages";

/** The forms, for whoever has none of them. */
const EXPECTED =
  'expected "messages" or "conversations", "instruction" and "output", "prompt" and ' +
  '"completion", "question" and "answer", or a list of messages by itself';

/** Keys that change what is asked or answered, and that no form of a question reads. */
const NOT_READ = "context contexts input options choices instruction chosen rejected".split(" ");

/** A record's messages, and the form they were in. */
export interface Recognised {
  /** The form's name. */
  form: string;
  /** What the system says beside the messages. */
  system?: string;
  /** The messages as they are. */
  messages: unknown[];
}

/**
 * Recognises the form of a record.
 *
 * @throws {UserError} Says which keys the record has where it is in no form, or in more than one.
 */
export function recognise(record: unknown): Recognised {
  if (Array.isArray(record)) {
    const [first] = record;
    if (record.length > 0 && !("role" in Object(first) || "from" in Object(first))) {
      throw unknown(`has a list of which the first item ${wordsFor(first)}; ${EXPECTED}`);
    }
    return { form: BARE_LIST, messages: record };
  }
  if (!isRecord(record)) throw unknown(`${wordsFor(record)}; ${EXPECTED}`);
  const form = formOf(record);
  const unread = form.isList ? undefined : unreadBeside(form, record);
  if (unread) {
    throw new UserError(
      `has the key "${unread}" beside ${form.name}, which is not read; ` +
        "take it out if it may be lost",
    );
  }
  const key = isEmpty(record.system) ? "system_prompt" : "system";
  const system = isEmpty(record[key]) ? undefined : textIn(record, key);
  return { form: form.name, system, messages: form.messages(record) };
}

/** The one form that a record is in: a list of messages first, and rather what has nothing empty. */
function formOf(record: Fields): RecordForm {
  const fitting = FORMS.filter((form) => fits(form, record));
  const whole = fitting.filter(({ keys }) => keys.every((key) => !isEmpty(record[key])));
  const asked = fitting.filter(({ keys: [key] }) => !isEmpty(record[key]));
  const lists = whole.filter(({ isList }) => isList);
  const all = [lists, whole, asked, fitting].find(({ length }) => length > 0);
  if (!all) {
    throw unknown(`${wordsFor(record)}; ${adviceFor(record) ?? EXPECTED}`, pairOf(record));
  }
  const [form, other] = all;
  if (!other) return form;
  throw unknown(
    `could be ${form.name} or ${other.name}: it ${wordsFor(record)}; keep the keys of one`,
  );
}

function unknown(message: string, keys?: string): UserError {
  return new UserError(message, { detail: { kind: "ownData", remedy: "map", ...keys && { keys } } });
}

/** How the two texts of a record that has no others would be named a question and its answer. */
function pairOf(record: Fields): string | undefined {
  const texts = Object.keys(record).filter((key) => typeof record[key] === "string");
  // Commas part names, and a shell parts words.
  if (texts.length !== 2 || !texts.every((key) => /^[\p{L}\p{N}_.-]+$/u.test(key))) return undefined;
  return `question=${texts[0]},answer=${texts[1]}`;
}

function fits({ keys }: RecordForm, record: Fields): boolean {
  // An instruction has its input beside it.
  const isInput = keys[0] === "input" && !isEmpty(record.instruction);
  return !isInput && keys.every((key) => record[key] !== undefined && record[key] !== null);
}

/** A key beside a question and its answer that would change them and is not read. */
function unreadBeside({ name, keys }: RecordForm, record: Fields): string | undefined {
  const read = name === "Alpaca" ? [...keys, "input"] : keys;
  const key = NOT_READ.find((key) => !isEmpty(record[key]) && !read.includes(key));
  // TRL's unpaired preferences say so whether the answer is liked.
  return key ?? (typeof record.label === "boolean" ? "label" : undefined);
}

/** Whether a value holds nothing; in a table, a list is its JSON. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === "" || value === "[]";
}

/** What a record in no form is, where that is known. */
function adviceFor(record: Fields): string | undefined {
  const { chosen, rejected, text } = record;
  if (chosen !== undefined && rejected !== undefined) {
    return "a preference between two answers is no conversation: keep the chosen one, as messages";
  }
  if (typeof text === "string") {
    return "a text by itself has nobody who asks or answers: base trains on texts";
  }
  const answer = PAIRS.map(([, answer]) => answer).find((key) => typeof record[key] === "string");
  return answer && `a ${answer} by itself answers nothing; ${EXPECTED}`;
}

/** A list, or in a table its JSON. */
function listIn(record: Fields, key: string): unknown[] {
  let list = record[key];
  if (typeof list === "string" && /^\s*\[/.test(list)) {
    try {
      list = parseJson(list);
    } catch (error) {
      throw new UserError(`has "${key}" that is no JSON: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  if (Array.isArray(list)) return list;
  throw new UserError(`has "${key}" that ${wordsFor(list)}; a list of messages was expected`);
}

function textIn(record: Fields, key: string): string {
  const value = record[key];
  if (typeof value === "string") return value;
  throw new UserError(`has "${key}" that ${wordsFor(value)}; text was expected`);
}

/** Stanford's Alpaca, with the history that others added. */
function alpaca(record: Fields): unknown[] {
  const asked = [textIn(record, "instruction")];
  if (!isEmpty(record.input)) asked.push(textIn(record, "input"));
  const question = asked.filter((text) => text !== "").join("\n\n");
  return [...historyIn(record), user(question), assistant(textIn(record, "output"))];
}

/** Earlier turns, as pairs of texts. */
function historyIn(record: Fields): unknown[] {
  if (isEmpty(record.history)) return [];
  return listIn(record, "history").flatMap((turn, i) => {
    if (!Array.isArray(turn) || turn.length !== 2) {
      throw new UserError(`has "history" of which item ${i + 1} is no pair of texts`);
    }
    return [user(turn[0]), assistant(turn[1])];
  });
}

/** A question and its answer; either may be messages. */
function pair(record: Fields, asked: string, answer: string): unknown[] {
  const messages = (key: string, message: (content: unknown) => unknown): unknown[] =>
    Array.isArray(record[key]) ? record[key] : [message(textIn(record, key))];
  return [...historyIn(record), ...messages(asked, user), ...messages(answer, assistant)];
}
