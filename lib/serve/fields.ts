/**
 * The fields of a request's body, read with the errors that say what is wrong with one.
 *
 * @module
 */
import { isRecord } from "../json.ts";
import { ApiError } from "./api_error.ts";

/** What a number may be. */
export interface NumberRange {
  /** The least. */
  min: number;
  /** The most; anything unless given. */
  max?: number;
  /** Whether it has to be whole. */
  whole?: boolean;
}

/** The error for a field with a value that it does not take. */
export function fieldError(param: string, wanted: string, value: unknown): ApiError {
  const found = value === undefined ? "is missing" : `is ${shown(value)}`;
  return new ApiError(`${param} must be ${wanted}, but ${found}`, {
    param,
    code: value === undefined ? "missing_required_parameter" : "invalid_value",
  });
}

/** A value in a few words. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isRecord(value)) return "an object";
  // JSON reads 1e999 as a number that it cannot write.
  if (typeof value === "number") return String(value);
  const json = JSON.stringify(value) ?? "missing";
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

/** A body's fields. One that is `null` counts as absent. */
export class Fields {
  readonly #body: Record<string, unknown>;

  /**
   * Begins to read a body.
   *
   * @throws {ApiError} if it is no object.
   */
  constructor(body: unknown) {
    if (!isRecord(body)) {
      throw new ApiError(`the body must be a JSON object, but is ${shown(body)}`);
    }
    this.#body = body;
  }

  /** A field as it is. */
  value(name: string): unknown {
    return Object.hasOwn(this.#body, name) ? this.#body[name] ?? undefined : undefined;
  }

  /** @throws {ApiError} if the field is not a number as wanted. */
  number(name: string, range: NumberRange): number | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : checkNumber(name, value, range);
  }

  /** @throws {ApiError} if the field is neither true nor false. */
  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    if (typeof value !== "boolean") throw fieldError(name, "true or false", value);
    return value;
  }

  /** @throws {ApiError} if the field is not an object. */
  object(name: string): Record<string, unknown> | undefined {
    const value = this.value(name);
    if (value !== undefined && !isRecord(value)) throw fieldError(name, "an object", value);
    return value;
  }
}

/** @throws {ApiError} naming `param` if a value is not a number as wanted. */
export function checkNumber(
  param: string,
  value: unknown,
  { min, max = Infinity, whole = false }: NumberRange,
): number {
  const isFine = typeof value === "number" && value >= min && value <= max &&
    (whole ? Number.isSafeInteger(value) : Number.isFinite(value));
  if (isFine) return value;
  const kind = whole ? "a whole number" : "a number";
  throw fieldError(param, `${kind} from ${min}${max < Infinity ? ` to ${max}` : ""}`, value);
}
