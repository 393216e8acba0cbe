/**
 * Parity and operations in a real browser: Chromium's WebGPU runs the model, which its page reads from a
 * server, and every operation.
 */
import { assert, assertEquals } from "@std/assert";
import { bundle } from "../bundle.ts";
import { browse, hasChromium } from "./chromium.ts";
import type { Expected } from "../model/parity.ts";
import { parityFolder } from "../model/parity_folders.ts";
import { checkForward, checkTraining } from "../model/parity_checks.ts";
import type { OperationsReport } from "./operations_page.ts";
import type { PageReport } from "./parity_page.ts";

const folder = parityFolder("gqa_sliding");

/** The page; a script that cannot be loaded reports nothing of its own accord. */
const PAGE = `<!doctype html>
<script type="module" src="page.js" onerror="fetch('report', {
  method: 'POST', body: '{ &quot;error&quot;: &quot;the script cannot be loaded&quot; }'
})"></script>
`;

/** The part of a file of the fixture that is asked for. */
async function serveFile(request: Request, name: string): Promise<Response> {
  using file = await folder.open(name);
  if (!file) return new Response(null, { status: 404 });
  const asked = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
  assert(asked);
  const [start, end] = [Number(asked[1]), Math.min(Number(asked[2]) + 1, file.length)];
  const bytes = new Uint8Array(end - start);
  await file.readAt(start, bytes);
  const range = `bytes ${start}-${end - 1}/${file.length}`;
  return new Response(bytes, { status: 206, headers: { "content-range": range } });
}

const isThere = await hasChromium();

/** Shows a page whose script is a module, and gives what it posts. */
async function reportOf<Report>(script: string): Promise<Report> {
  const { promise, resolve } = Promise.withResolvers<Report>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const [, place, name] = new URL(request.url).pathname.split("/");
      if (place === "page.js") {
        return new Response(script, { headers: { "content-type": "text/javascript" } });
      }
      if (place === "fixture") return await serveFile(request, name);
      if (place === "report") {
        resolve(await request.json());
        return new Response();
      }
      return new Response(PAGE, { headers: { "content-type": "text/html" } });
    },
  );
  return await browse(`http://127.0.0.1:${server.addr.port}/`, promise, 120_000);
}

const [parity, operations] = isThere
  ? await Promise.all(
    ["parity_page", "operations_page"].map((name) => bundle(`tests/webgpu/${name}.ts`)),
  )
  : [];

Deno.test("parity in Chromium", { ignore: !parity?.success }, async () => {
  const report = await reportOf<PageReport>(parity!.code);
  assert("forward" in report, "error" in report ? report.error : "");
  const expected: Expected = JSON.parse(await Deno.readTextFile(`${folder.name}/expected.json`));
  checkForward(report.forward, expected);
  checkTraining(report.training, expected);
});

Deno.test("operations in Chromium", { ignore: !operations?.success }, async () => {
  const { compared, wrong } = await reportOf<OperationsReport>(operations!.code);
  assertEquals(wrong, []);
  assert(compared > 180, `${compared} calls were compared`);
});
