/**
 * The forms in which records hold conversations.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { isRecord } from "../../json.ts";
import { wordsFor } from "../../json_lines.ts";
import { parseNested } from "./nested_json.ts";

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
  ["instruction", "response"],
  ["input", "output"],
] as const;

/** Forms whose messages are a list under a key. */
const LISTS = ["messages", "conversations", "conversation"].map((key): RecordForm => ({
  name: key,
  keys: [key],
  isList: true,
  messages: (record) => listIn(record, key),
}));

/** All forms but a list of messages by itself. */
const FORMS: readonly RecordForm[] = [
  ...LISTS,
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
/** Keys of preferences that say of one answer whether it is liked. */
const LIKED = ["label", "kto_tag"];
/** Keys of what the system says. */
const SYSTEM = ["system", "system_prompt", "system_message"];
/** Keys of answers, which messages without one may have beside them. */
const ANSWERS = [
  ...new Set([...PAIRS.map(([, answer]) => answer), "chosen", "rejected"]),
] as const;

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
      throw new UserError(`has a list of which the first item ${wordsFor(first)}; ${EXPECTED}`);
    }
    return { form: BARE_LIST, messages: record };
  }
  if (!isRecord(record)) throw new UserError(`${wordsFor(record)}; ${EXPECTED}`);
  const form = formOf(record);
  const unread = unreadBeside(form, record);
  if (unread) {
    throw new UserError(
      `has the key "${unread}" beside ${form.name}, which is not read; ` +
        "take it out if it may be lost",
    );
  }
  const [key, other] = SYSTEM.filter((key) => !isEmpty(record[key]));
  if (other) throw new UserError(`has both "${key}" and "${other}"; keep one`);
  const system = key && textIn(record, key);
  return { form: form.name, system, messages: form.messages(record) };
}

/**
 * A record with its keys in small letters, where it is in a form then and was in none before: tables
 * often begin them with capital ones.
 */
export function inSmallLetters(record: Fields): Fields {
  const keys = Object.keys(record);
  const isInForm = (record: Fields) => FORMS.some((form) => fits(form, record));
  if (keys.every((key) => key === key.toLowerCase()) || isInForm(record)) return record;
  const small = Object.fromEntries(keys.map((key) => [key.toLowerCase(), record[key]]));
  // Two keys that differ in nothing else cannot both be meant.
  return Object.keys(small).length === keys.length && isInForm(small) ? small : record;
}

/**
 * Checks that a record whose messages end with the user has no answer beside them, which would be lost.
 *
 * @throws {UserError} naming its key.
 */
export function checkUnanswered(record: Fields): void {
  if (isPreference(record)) throw new UserError(PREFERENCE);
  const key = ANSWERS.find((key) => !isEmpty(record[key]));
  if (key === undefined) return;
  throw new UserError(
    `has the key "${key}" beside messages that end with the user; add it to them as the assistant's`,
  );
}

/** The one form that a record is in: a list of messages first, and rather what has nothing empty. */
function formOf(record: Fields): RecordForm {
  const lists = LISTS.filter(({ keys: [key] }) => !isEmpty(record[key]));
  if (lists.length === 1) return lists[0];
  const fitting = FORMS.filter((form) => fits(form, record));
  const whole = fitting.filter(({ keys }) => keys.every((key) => !isEmpty(record[key])));
  const asked = fitting.filter(({ keys: [key] }) => !isEmpty(record[key]));
  const all = [lists, whole, asked, fitting].find(({ length }) => length > 0);
  if (!all) throw inNoForm(record);
  const [form, other] = all;
  if (!other) return form;
  throw new UserError(
    `could be ${form.name} or ${other.name}: it ${wordsFor(record)}; keep the keys of one`,
  );
}

function fits({ keys }: RecordForm, record: Fields): boolean {
  // An instruction has its input beside it.
  const isInput = keys[0] === "input" && !isEmpty(record.instruction);
  return !isInput && keys.every((key) => record[key] !== undefined && record[key] !== null);
}

/** A key beside the messages, or a question and its answer, that would change them and is not read. */
function unreadBeside({ name, keys, isList }: RecordForm, record: Fields): string | undefined {
  const read = name === "Alpaca" ? [...keys, "input"] : keys;
  const others = isList ? ["history"] : NOT_READ;
  return others.find((key) => !isEmpty(record[key]) && !read.includes(key)) ??
    LIKED.find((key) => typeof record[key] === "boolean");
}

/** Whether a value holds nothing; in a table, a list is its JSON. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === "" || value === "[]";
}

function isPreference({ chosen, rejected }: Fields): boolean {
  return !isEmpty(chosen) && !isEmpty(rejected);
}

const PREFERENCE =
  "a preference between two answers is no conversation: keep the chosen one, as messages";

/** The error for a record in no form: says what it is, where that is known. */
function inNoForm(record: Fields): UserError {
  const has = wordsFor(record);
  const advice = adviceFor(record);
  if (advice !== undefined) return new UserError(`${has}; ${advice}`);
  const keys = pairOf(record);
  const detail = { kind: "ownData", remedy: "map", ...keys && { keys } } as const;
  return new UserError(`${has}; ${EXPECTED}`, { detail });
}

/** What the only two texts of a record would be named as a question and its answer. */
function pairOf(record: Fields): string | undefined {
  const texts = Object.keys(record).filter((key) => typeof record[key] === "string");
  // Commas part names, and a shell parts words.
  const isPlain = texts.every((key) => /^[\p{L}\p{N}_.-]+$/u.test(key));
  return isPlain && texts.length === 2 ? `question=${texts[0]},answer=${texts[1]}` : undefined;
}

function adviceFor(record: Fields): string | undefined {
  if (isPreference(record)) return PREFERENCE;
  if ("role" in record && "content" in record) {
    return `a message by itself is no conversation; ${EXPECTED}`;
  }
  if (typeof record.text === "string") {
    return "a text by itself has nobody who asks or answers: write its turns as messages; " +
      "base trains on texts";
  }
  const texts = Object.keys(record).filter((key) => typeof record[key] === "string");
  const answer = texts.length === 1 && ANSWERS.find((key) => key === texts[0]);
  return answer ? `"${answer}" by itself answers nothing; ${EXPECTED}` : undefined;
}

/** A list, or in a table its JSON. */
function listIn(record: Fields, key: string): unknown[] {
  const value = record[key];
  const isJson = typeof value === "string" && /^\s*\[/.test(value);
  const list = isJson ? parseNested(value, `has "${key}"`) : value;
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
    isListOfObjects(record[key]) ? record[key] : [message(textIn(record, key))];
  return [...historyIn(record), ...messages(asked, user), ...messages(answer, assistant)];
}

function isListOfObjects(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0 && value.every(isRecord);
}
