import { assertEquals, assertRejects } from "@std/assert";
import { ApiError } from "../../lib/serve/api_error.ts";
import { BODY_LIMITS, readJson } from "../../lib/serve/body.ts";

const JSON_TYPE = { "content-type": "application/json" };

function post(body: BodyInit, headers: Record<string, string> = JSON_TYPE): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

/** Why a body is not read. */
async function refusal(request: Request, limits = BODY_LIMITS): Promise<ApiError> {
  return await assertRejects(() => readJson(request, limits), ApiError);
}

Deno.test("JSON is read, whether it is called so or not", async () => {
  const value = { a: [1, 'ü\\"[['], b: null };
  const text = JSON.stringify(value);
  for (
    const type of ["application/json", "application/json; charset=utf-8", "application/x.y+json"]
  ) {
    assertEquals(await readJson(post(text, { "content-type": type })), value, type);
  }
  assertEquals(await readJson(post(new TextEncoder().encode(text), {})), value);
  assertEquals((await refusal(post(text, { "content-type": "text/plain" }))).status, 415);
});

Deno.test("what is no JSON or no UTF-8 is refused, saying where", async () => {
  const error = await refusal(post('{"a": 1,\n "b": }'));
  assertEquals(error.status, 400);
  assertEquals(error.message.startsWith("the body is no JSON, at character 15: Unexp"), true);
  assertEquals((await refusal(post("[NaN]"))).status, 400);
  assertEquals((await refusal(post(""))).status, 400);
  const { status, message } = await refusal(post(Uint8Array.of(0x22, 0xff, 0x22)));
  assertEquals([status, message], [400, "the body is not UTF-8"]);
});

Deno.test("a body that is too large is not read to its end", async () => {
  let pulls = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(++pulls && 65536)),
  });
  assertEquals((await refusal(post(endless))).status, 413);
  assertEquals(pulls < 20, true);
  const claimed = { ...JSON_TYPE, "content-length": "100000000" };
  assertEquals((await refusal(post("{}", claimed))).status, 413);
});

Deno.test("a body that does not come is not waited for", async () => {
  const silent = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(Uint8Array.of(0x7b)) });
  assertEquals((await refusal(post(silent), { ...BODY_LIMITS, time: 5 })).status, 408);
});

Deno.test("JSON in JSON is read so deep and no deeper, brackets in strings apart", async () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  await readJson(post(nested(64)));
  assertEquals((await refusal(post(nested(65)))).status, 400);
  assertEquals((await refusal(post(nested(500_000)))).status, 400);
  const text = "[{".repeat(100) + '\\"[[';
  assertEquals(await readJson(post(JSON.stringify([text]))), [text]);
});
