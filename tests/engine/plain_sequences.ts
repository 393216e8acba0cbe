/** Sequences without tools or ends, and what each gives alone. */
import { assertEquals } from "@std/assert";
import {
  Engine,
  type Sequence,
  type SequenceOptions,
  type SequenceStep,
  type ToolUseTokenizer,
} from "../../lib/engine/mod.ts";
import type { GPT } from "../../lib/model/mod.ts";

/** A tokenizer without tools or ends. */
export const plainTokens: ToolUseTokenizer = {
  bosId: -1,
  encode: () => [],
  decode: () => "",
  encodeSpecial: () => -1,
};

/** Steps until all sequences have ended; what each was given. */
export async function finish(
  engine: Engine,
  onSteps: (steps: readonly SequenceStep[], count: number) => void = () => {},
): Promise<Map<Sequence, SequenceStep[]>> {
  const given = new Map<Sequence, SequenceStep[]>();
  for (let count = 0; engine.use.rows + engine.use.waiting > 0; count++) {
    const steps = await engine.step();
    for (const step of steps) given.set(step.sequence, [...given.get(step.sequence) ?? [], step]);
    onSteps(steps, count);
  }
  assertEquals(engine.use.pages, 0, "all pages are given back");
  return given;
}

export const idsOf = (steps: readonly SequenceStep[] = []): number[] =>
  steps.map(({ token }) => token);

/** What a prompt gives alone. */
export async function alone(
  model: GPT,
  prompt: readonly number[],
  options: SequenceOptions,
  { capacity, tokenizer = plainTokens }: { capacity?: number; tokenizer?: ToolUseTokenizer } = {},
): Promise<number[]> {
  const engine = new Engine(model, tokenizer, { stepsPerRead: 1, capacity });
  const sequence = engine.add(prompt, options);
  const given = await finish(engine);
  engine.free();
  return idsOf(given.get(sequence));
}
