/**
 * AdamW.
 *
 * @module
 */
import adamWMain from "../../../kernels/webgpu/adamw.wgsl" with { type: "text" };
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import type { Operations } from "../operations.ts";
import { checkShapes, rowsOf } from "../shapes.ts";
import { elementwise, widthFor, WORKGROUP } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import { storage } from "./storage.ts";

const ADAMW = halves + element + adamWMain;

/** See {@link Operations}. */
export function adamWOperations(gpu: Gpu): Pick<Operations, "adamW"> {
  return {
    adamW({ p, g, m, v, lr, beta1, beta2, eps, weightDecay, step, gradientScale = 1, ...more }) {
      const { rows, guard } = more;
      const valuesOf = (width: 1 | 4) => ({
        GUARDED: guard !== undefined,
        ROWS: rows !== undefined,
        ...storage("P", p, width),
        ...storage("G", g, width),
        ...storage("M", m, width),
        ...storage("V", v, width),
      });
      const uniforms = {
        keep: 1 - lr * weightDecay,
        gradientWeight: 1 - beta1,
        squareWeight: 1 - beta2,
        rate: lr / (1 - beta1 ** step),
        squareScale: 1 / (1 - beta2 ** step),
        eps,
        gradientScale,
      };
      if (!rows) {
        return elementwise(gpu, ADAMW, valuesOf, p.size, { p, g, m, v }, uniforms, { guard });
      }
      const [V, columns] = rowsOf(p), [R] = rowsOf(g);
      checkShapes(rows.size === V && rowsOf(g)[1] === columns, "adamW", p, g, rows);
      const WIDTH = widthFor(columns);
      const kernel = gpu.kernel(ADAMW, { ...valuesOf(WIDTH), WIDTH });
      for (const part of gpu.split(V, { p, m, v })) {
        for (const { start: firstGradient, count: gradients, slices } of gpu.split(R, { g })) {
          const count = part.count * columns / WIDTH;
          const places = { firstRow: part.start, firstGradient, gradients };
          const sizes = { count, columns: columns / WIDTH };
          const bindings = { ...part.slices, ...slices, rows, guard };
          gpu.run(
            kernel,
            bindings,
            { ...uniforms, ...sizes, ...places },
            Math.ceil(count / WORKGROUP),
          );
        }
      }
    },
  };
}
