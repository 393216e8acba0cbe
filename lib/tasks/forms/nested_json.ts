/**
 * JSON within a text of a record, as tables have lists.
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { parseJson } from "../../json.ts";

/**
 * Parses a text.
 *
 * @param what What has it, in words that go on with "that is no JSON".
 * @throws {UserError} If it is none.
 */
export function parseNested(text: string, what: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/^is not valid JSON: /, "");
    throw new UserError(`${what} that is no JSON: ${reason}`, { cause: error });
  }
}
