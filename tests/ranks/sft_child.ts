/** One rank of a fine-tuning run of sft_test.ts: `sft_child.ts BASE_DIR FLAGS STOP_AFTER`. */
import { openMpi } from "../../lib/ranks/mpi/mod.ts";
import { watchRun } from "../sft/run_helpers.ts";

const [baseDir, flags, stopAfter] = Deno.args;
const ranks = await openMpi((name) => Deno.env.get(name));
const { lines } = await watchRun(baseDir, JSON.parse(flags), Number(stopAfter), ranks);
if (ranks.rank === 0) lines.forEach((line) => console.log(line));
await ranks.close();
Deno.exit(0);
