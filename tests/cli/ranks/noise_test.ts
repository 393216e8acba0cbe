import { assertEquals } from "@std/assert";
import { NoiseFilter } from "../../../cli/ranks/noise.ts";

const LINE = "-".repeat(74) + "\n", DOUBLE = "=".repeat(83) + "\n";
const ENDED = `${LINE}Primary job  terminated normally, but 1 process returned
a non-zero exit code. Per user-direction, the job has been aborted.
${LINE}`;
const KILLED =
  `${LINE}mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 (Killed).\n${LINE}`;
const LOST = `${LINE}ORTE has lost communication with a remote daemon.

  HNP daemon   : [[16198,0],0] on node hosta
  Remote daemon: [[16198,0],1] on node 10.77.0.2

This is usually due to either a failure of the TCP network
${LINE}`;
const BAD = `${DOUBLE}=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   PID 1550 RUNNING AT vm
=   EXIT CODE: 9
=   CLEANING UP REMAINING PROCESSES
=   YOU CAN IGNORE THE BELOW CLEANUP MESSAGES
${DOUBLE}YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)
This typically refers to a problem with your application.
Please see the FAQ page for debugging suggestions
`;

/** What becomes of text that comes in pieces of some length. */
function filtered(text: string, length = text.length) {
  const filter = new NoiseFilter();
  let shown = "";
  for (let i = 0; i < text.length; i += length) shown += filter.take(text.slice(i, i + length));
  const { meaning, isTold } = filter;
  return { shown: shown + filter.end(false), meaning, isTold };
}

Deno.test("of mpirun's banners one line is left, however they come", () => {
  const why = "was ended by signal 9: something killed it, such as the system for want of memory";
  for (const length of [1, 7, 1000]) {
    assertEquals(filtered(`warning: a\n${ENDED}warning: b\n${KILLED}`, length), {
      shown: "warning: a\nwarning: b\n",
      meaning: `rank 1 (on vm) ${why}`,
      isTold: false,
    });
  }
  assertEquals(filtered(BAD).meaning, `a rank (process 1550 on vm) ${why}`);
  assertEquals(filtered(`a\n\nb\n\n${BAD}`).shown, "a\n\nb\n");
  const meaning = "the connection to 10.77.0.2 is lost, and with it its ranks";
  assertEquals(filtered(LOST).meaning, meaning);
});

Deno.test("what a rank writes comes at once, its status line too", () => {
  const filter = new NoiseFilter();
  assertEquals(filter.take("a line\nhalf "), "a line\n");
  assertEquals(filter.take("a line\n"), "half a line\n");
  assertEquals(filter.take("\r\x1b[Kstep 1"), "\r\x1b[Kstep 1");
  assertEquals(filter.take(`\r\x1b[Kstep 2${ENDED}`), "\r\x1b[Kstep 2");
  assertEquals(filter.isTold, false);
  filter.take("\r\x1b[K\x1b[31merror:\x1b[39m no such model\n");
  assertEquals(filter.isTold, true);
});

Deno.test("what is wrong on every rank is told once", () => {
  const first = "error: no such model\n", other = "error: rank 2 (on b): no such file\n";
  const again = "error: rank 1 (on a): no such model\n";
  assertEquals(filtered(first + again + other + again).shown, first + other);
});

Deno.test("what is not known is shown, and all of it where nobody says why", () => {
  const unknown = `${LINE}No such host\n${LINE}`;
  assertEquals(filtered(unknown).shown, unknown);
  const filter = new NoiseFilter();
  const text = "[mpiexec@vm] execvp error\n";
  assertEquals(filter.take(text + `${LINE}an unfinished`), "");
  assertEquals(filter.end(true), text + `${LINE}an unfinished\n`);
});
