import { reasonOf } from "../checkpoint/byte_reader.ts";
import { UserError } from "../errors.ts";
import { parseJson } from "../json.ts";

/**
 * The content of a JSON file; undefined where there is no such file.
 *
 * @throws {UserError} if it cannot be read, or is no JSON.
 */
export async function readJsonFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    const { NotFound, NotADirectory } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory) return undefined;
    throw new UserError(`${path}: cannot be read: ${reasonOf(error)}`, { cause: error });
  }
  try {
    return parseJson(text);
  } catch (error) {
    throw new UserError(`${path}: ${(error as Error).message}`, { cause: error });
  }
}
