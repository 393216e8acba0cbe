/**
 * Damaged files of every kind that comes from outside: each is read right or refused in one line,
 * within 2 seconds and 200 MB. 10,000 of them with `-- --long`; one again with `-- --seed N`, or
 * 10,000 from there with both.
 */
import { assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";
import type { Outcome } from "./mutations_worker.ts";

const MOST_SECONDS = 2;
const MOST_MEMORY = 200e6;
/** Seconds after which a file that is not done is taken to hang; the first waits for the start. */
const PATIENCE = 60;

const WORKER = new URL("./mutations_worker.ts", import.meta.url).pathname;

/** What comes of the files of so many seeds; a fault where the process hangs or dies over one. */
async function* outcomes(first: number, count: number): AsyncGenerator<Outcome> {
  const end = first + count;
  for (let seed = first; seed < end;) {
    const args = ["run", "-A", "--no-check", WORKER, String(seed), String(end - seed)];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    let isHung = false;
    const next = async () => {
      const timer = setTimeout(() => {
        isHung = true;
        child.kill("SIGKILL");
      }, 1000 * PATIENCE);
      const { value } = await lines.read();
      clearTimeout(timer);
      return value;
    };
    for (let line; (line = await next()) !== undefined; seed++) yield JSON.parse(line);
    const { code } = await child.status;
    if (seed === end) return;
    const fault = isHung ? `hangs for ${PATIENCE} s` : `ends the process with ${code}`;
    yield { seed, kind: "?", ways: [], isRead: false, fault, seconds: 0, memory: 0 };
    seed++;
  }
}

/** What is wrong with an outcome, in words that let it be tried again. */
function complaint({ seed, kind, ways, fault, seconds, memory }: Outcome): string[] {
  const faults = [
    ...fault ? [fault] : [],
    ...seconds > MOST_SECONDS ? [`took ${seconds.toFixed(1)} s`] : [],
    ...memory > MOST_MEMORY ? [`took ${(memory / 1e6).toFixed(0)} MB`] : [],
  ];
  return faults.map((words) => `--seed ${seed}: ${kind} after ${ways.join(", ")}: ${words}`);
}

Deno.test("damaged files are read right or refused in one line", async () => {
  const given = Deno.args.indexOf("--seed");
  const seed = given >= 0 ? Number(Deno.args[given + 1]) : 1;
  const count = Deno.args.includes("--long") ? 10_000 : given >= 0 ? 1 : 400;
  const kinds = new Map<string, { read: number; refused: number }>();
  const complaints: string[] = [];
  let [slowest, most] = [0, 0];
  for await (const outcome of outcomes(seed, count)) {
    const { kind, isRead, seconds, memory } = outcome;
    const sum = kinds.get(kind) ?? { read: 0, refused: 0 };
    kinds.set(kind, sum);
    sum[isRead ? "read" : "refused"]++;
    [slowest, most] = [Math.max(slowest, seconds), Math.max(most, memory)];
    for (const words of complaint(outcome)) {
      complaints.push(words.slice(0, 1000));
      console.log(complaints.at(-1));
    }
  }
  for (const [kind, { read, refused }] of kinds) {
    console.log(`${kind.padEnd(24)} ${refused} refused, ${read} read`);
  }
  console.log(
    `${count} files: ${complaints.length} faults; slowest ${slowest.toFixed(2)} s, ` +
      `most memory ${(most / 1e6).toFixed(0)} MB`,
  );
  assertEquals(complaints.length, 0);
});
