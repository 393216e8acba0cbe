/**
 * The loss.
 *
 * @module
 */
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** {@link Operations.softcapCrossEntropy} in WebAssembly. */
export function lossOperations(pool: Pool): Pick<Operations, "softcapCrossEntropy"> {
  const softcapCrossEntropy = pool.kernel("softcapCrossEntropy");

  return {
    softcapCrossEntropy: (args) => {
      const { losses, logits, targets, start, vocabSize, cap, gradientScale } = args;
      const [rows, columns] = rowsOf(logits);
      const fits = start + rows <= Math.min(losses.size, targets.size) && vocabSize <= columns;
      checkShapes(fits, "softcapCrossEntropy", losses, targets, logits);
      pool.reserveWorkspace(4 * vocabSize);
      const tensors = [at(losses) + 4 * start, at(logits), at(targets) + 4 * start];
      const hasGradient = gradientScale !== undefined;
      const scale = gradientScale ?? 0;
      softcapCrossEntropy(...tensors, rows, columns, vocabSize, cap, scale, hasGradient);
    },
  };
}
