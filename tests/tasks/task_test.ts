import { assertEquals, assertThrows } from "@std/assert";
import type { Conversation } from "../../lib/conversation.ts";
import { Task, TaskMixture, TaskSequence, type TaskSlice } from "../../lib/tasks/mod.ts";

/** Conversations that say which task and row they are. */
class Named extends Task {
  #name: string;
  #size: number;
  constructor(name: string, size: number, slice?: TaskSlice) {
    super(slice);
    this.#name = name;
    this.#size = size;
  }
  protected override get numExamples(): number {
    return this.#size;
  }
  protected override example(index: number): Conversation {
    return { messages: [{ role: "user", content: `${this.#name}${index}` }] };
  }
}

function names(task: Task): string[] {
  return Array.from({ length: task.length }, (_, i) => task.get(i).messages[0].content as string);
}

Deno.test("a slice shows every step-th row from start to stop", () => {
  assertEquals(names(new Named("a", 10, { start: 2, stop: 9, step: 3 })), ["a2", "a5", "a8"]);
  assertEquals(names(new Named("a", 3, { stop: 100 })), ["a0", "a1", "a2"]);
  assertEquals(new Named("a", 3, { start: 5 }).length, 0);
  assertThrows(() => new Named("a", 3).get(3), RangeError);
  assertThrows(() => new Named("a", 3, { start: 2, stop: 1 }), RangeError);
});

Deno.test("a sequence shows its tasks one after the other, empty ones too", () => {
  const sequence = new TaskSequence([
    new Named("a", 2),
    new Named("b", 0),
    new Named("c", 4, { step: 2 }),
  ]);
  assertEquals(names(sequence), ["a0", "a1", "c0", "c2"]);
});

Deno.test("a mixture has the order of Python's random.Random(42).shuffle", () => {
  // Python: pairs = [("a", i) for i in range(4)] + [("b", i) for i in range(3)] * 2; shuffle
  const b = new Named("b", 3);
  const expected = ["b0", "a3", "a2", "b1", "b1", "b2", "b2", "b0", "a0", "a1"];
  assertEquals(names(new TaskMixture([new Named("a", 4), b, b])), expected);
  assertEquals(
    names(new TaskMixture([new Named("a", 4), b, b], { start: 1, step: 2 })),
    expected.filter((_, i) => i % 2 === 1),
  );
});
