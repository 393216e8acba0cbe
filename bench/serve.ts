/**
 * `serve` under load: one client at a time and many at once, in turn, since a machine's speed changes
 * from minute to minute. It prints what they met: errors, time to the first token, tokens per
 * second, and the server's memory over time.
 *
 *     deno run -A bench/large_models.ts d4 BASE_DIR
 *     deno run -A bench/serve.ts BASE_DIR [--model-tag d4] [--clients 64] [--minutes 10]
 *       [--rounds 5] [--max-tokens 64] [-- FLAGS…]
 *
 * The server is a process of its own that is reached over loopback; FLAGS, such as
 * `--device-type cpu`, are its own. A fifth of each round is one client's. What is asked is of the
 * samples in data/, each question once as long as there are some. The exit code is 1 when a request
 * met an error other than 429, which says that the queue is full.
 */
import { fromFileUrl } from "@std/path";
import { parseArgs } from "node:util";
import { UserError } from "../lib/errors.ts";
import "./plain_errors.ts";
import {
  errorsOf,
  memoryEnds,
  type MemorySample,
  percentile,
  phaseTable,
  type Round,
  speedup,
} from "./serve/figures.ts";
import { BUSY, Load } from "./serve/load.ts";
import { loadQuestions } from "./serve/questions.ts";
import { ServerProcess } from "./serve/server_process.ts";

/** What part of a round is one client's. */
const ONE_SHARE = 0.2;
const SECONDS_PER_SAMPLE = 10;

const { values: flags, positionals: [baseDir, ...serverFlags] } = parseArgs({
  allowPositionals: true,
  options: {
    "model-tag": { type: "string", default: "d4" },
    clients: { type: "string", default: "64" },
    minutes: { type: "string", default: "10" },
    rounds: { type: "string", default: "5" },
    "max-tokens": { type: "string", default: "64" },
  },
});
if (!baseDir) throw new UserError("usage: deno run -A bench/serve.ts BASE_DIR [flags] [-- FLAGS…]");
const [clients, minutes, rounds, maxTokens] = [
  flags.clients,
  flags.minutes,
  flags.rounds,
  flags["max-tokens"],
].map(Number);
if (![clients, minutes, rounds, maxTokens].every((number) => number > 0)) {
  throw new UserError("--clients, --minutes, --rounds and --max-tokens must be numbers above 0");
}

const program = fromFileUrl(new URL("../mod.ts", import.meta.url));
const model = ["--source", "base", "--model-tag", flags["model-tag"]];
await using server = await ServerProcess.start(
  [program, "serve", "--port", "0", ...model, ...serverFlags],
  { NANOCHAT_BASE_DIR: baseDir },
);
console.log(server.told.trim());

const memory: MemorySample[] = [];
const begun = performance.now();
async function sampleMemory(): Promise<void> {
  memory.push({
    second: (performance.now() - begun) / 1000,
    bytes: await server.residentBytes(),
  });
}
await sampleMemory();
const sampling = setInterval(sampleMemory, SECONDS_PER_SAMPLE * 1000);
const measured = await measure(new Load(server.url, await loadQuestions(), maxTokens));
clearInterval(sampling);
await sampleMemory();
report(measured);

async function measure(load: Load): Promise<Round[]> {
  const measured: Round[] = [], seconds = minutes * 60 / rounds;
  for (let i = 0; i < rounds; i++) {
    const one = await load.run(1, ONE_SHARE * seconds);
    const many = await load.run(clients, (1 - ONE_SHARE) * seconds);
    measured.push({ one, many });
    console.log(`round ${i + 1} of ${rounds}: ${speedup([measured[i]]).toFixed(2)} times the rate`);
  }
  return measured;
}

function report(measured: Round[]): void {
  const phases = measured.flatMap(({ one, many }) => [one, many]);
  const firsts = measured.flatMap(({ many }) => many.outcomes)
    .flatMap(({ firstTokenMs }) => firstTokenMs ?? []);
  const errors = errorsOf(phases), busy = errors.get(BUSY) ?? 0;
  errors.delete(BUSY);
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  const { first, last } = memoryEnds(memory);
  console.log(`\n${phaseTable(measured)}\n`);
  console.log(
    `${phases.flatMap(({ outcomes }) => outcomes).length} requests, ${busy} refused (429)`,
  );
  console.log(`errors: ${errors.size === 0 ? "none" : ""}`);
  for (const [kind, count] of errors) console.log(`  ${count} × ${kind}`);
  const [p50, p95] = [0.5, 0.95].map((share) => percentile(firsts, share).toFixed(0));
  console.log(`first token with ${clients} clients: p50 ${p50} ms, p95 ${p95} ms`);
  console.log(`${clients} clients: ${speedup(measured).toFixed(2)} times the tokens/s of one`);
  console.log(
    `server's memory, first minute ${megabytes(first)} MB, last ${megabytes(last)} MB, ` +
      `each ${SECONDS_PER_SAMPLE} s: ${memory.map(({ bytes }) => megabytes(bytes)).join(" ")}`,
  );
  if (errors.size > 0) Deno.exitCode = 1;
}
