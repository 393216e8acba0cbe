/** The same work by PyTorch, where a Python has it; steps of training by nanochat's own code. */
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import { UserError } from "../../lib/errors.ts";
import { benchConfig } from "./models.ts";
import type { Row, Settings } from "./part.ts";
import { MOST_ROWS, STEPS_SECONDS, warmupSteps } from "./training.ts";

const script = fromFileUrl(new URL("pytorch.py", import.meta.url));

/** A way to run nanochat. */
export interface Mode {
  name: string;
  dtype: "float32" | "bfloat16";
  compiled: boolean;
}

/** In which nanochat is run: without PyTorch's compiler, and as nanochat does. */
export const MODES: readonly Mode[] = [
  { name: "PyTorch, eager", dtype: "float32", compiled: false },
  { name: "PyTorch, eager", dtype: "bfloat16", compiled: false },
  { name: "PyTorch, compiled", dtype: "bfloat16", compiled: true },
];

/** The large product in float32 and in bfloat16. */
export async function* torchProducts({ python, short }: Settings): AsyncGenerator<Row> {
  const side = short ? 256 : 4096;
  for await (const { dtype, ms, tflops } of run(python!, ["products", `${side}`], {})) {
    yield { of: "product", side, by: "PyTorch", dtype, ms, "TFLOP/s": tflops };
  }
}

/** Steps of training. */
export async function* torchSteps(
  { name, dtype, compiled }: Mode,
  settings: Settings,
): AsyncGenerator<Row> {
  const { python, nanochat, short } = settings;
  const { sequenceLen, vocabSize, nLayer, nHead, nKvHead, nEmbd, windowPattern } = benchConfig(
    settings,
  );
  const config = JSON.stringify({
    sequence_len: sequenceLen,
    vocab_size: vocabSize,
    n_layer: nLayer,
    n_head: nHead,
    n_kv_head: nKvHead,
    n_embd: nEmbd,
    window_pattern: windowPattern,
  });
  const numbers = [short ? 1 : MOST_ROWS[0], warmupSteps(settings), short ? 0 : STEPS_SECONDS].map(
    String,
  );
  const env: Record<string, string> = { NANOCHAT_DTYPE: dtype };
  // nanochat's optimizer compiles itself otherwise.
  if (!compiled) env.TORCHDYNAMO_DISABLE = "1";
  const args = ["steps", nanochat!, config, ...numbers, `${compiled}`];
  for await (const { rows, tokens, ms, loss, bytes } of run(python!, args, env)) {
    yield {
      by: name,
      dtype,
      rows,
      "tokens/s": tokens,
      "ms a step": ms,
      loss,
      "GiB taken": bytes ? Number(bytes) / 2 ** 30 : undefined,
    };
  }
}

/** The script's lines. */
async function* run(
  python: string,
  args: string[],
  env: Record<string, string>,
): AsyncGenerator<Row> {
  const child = new Deno.Command(python, {
    args: [script, ...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // The script ends when this does, whatever ends it: it holds the GPU's memory.
  const complaints = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) yield JSON.parse(line);
  if ((await child.status).success) return;
  // The error, and not what it may go on to say about how to debug it.
  const said = (await complaints).trim().split("\n");
  const error = said.findLast((line) => /^[\w.]*(Error|Exception)\b/.test(line));
  throw new UserError(`${python}: ${error ?? said.at(-1)}`);
}
