/**
 * Drawing tokens.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** {@link Operations.sample} in WebAssembly. */
export function sampleOperations(pool: Pool): Pick<Operations, "sample"> {
  const sample = pool.kernel("sample");
  const sampleWorkspace = pool.kernel("sampleWorkspace");

  return {
    sample: ({ out, logits, vocabSize, uniforms, choices }) => {
      const [rows, columns] = rowsOf(logits);
      const fits = out.size >= rows && uniforms.size >= rows && choices.size >= 4 * rows &&
        vocabSize <= columns;
      checkShapes(fits, "sample", out, logits, uniforms, choices);
      pool.reserveWorkspace(sampleWorkspace(vocabSize) >>> 0);
      sample(...[out, logits, uniforms, choices].map(at), rows, columns, vocabSize);
    },
  };
}
