/**
 * What compatcanary, a scanner of APIs that say they are compatible with OpenAI's, finds in `serve`:
 * all that it looks at, in its wider profile. Tools, structured output and the Responses API are refused by design.
 */
import { assertEquals } from "@std/assert";
import { scanEndpoint } from "compatcanary";
import { startShipped } from "./shipped_server.ts";

/** A part of its report. */
interface Finding {
  id: string;
  status: "pass" | "warn" | "fail";
  error?: { httpStatus?: number; responseBody?: string };
}

Deno.test("compatcanary finds what is met, and what is refused by design", async () => {
  await using server = await startShipped("--max-new-tokens", "16");
  const baseUrl = `${server.url}/v1`;
  const [{ id: model }] = (await (await fetch(`${baseUrl}/models`)).json()).data;
  const scan: (options: object) => Promise<{ results: Finding[] }> = scanEndpoint;
  const { results } = await scan({ baseUrl, model, profile: "modern" });
  assertEquals(results.map(({ id, status, error }) => [id, status, error?.httpStatus]), [
    ["models.list", "pass", undefined],
    ["chat.basic", "pass", undefined],
    ["chat.streaming", "pass", undefined],
    ["chat.tool_call", "fail", 400],
    ["chat.structured_output", "fail", 400],
    ["responses.basic", "fail", 404],
    ["responses.streaming", "fail", 404],
  ]);
  const refused = results.flatMap(({ error }) => error?.responseBody ?? []);
  const params = refused.map((body) => JSON.parse(body).error.param);
  assertEquals(params, ["tools", "response_format", null, null]);
});
