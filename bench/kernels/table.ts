/** The laboratory's table, 100 columns wide. */
import type { ModelShape } from "./case.ts";
import type { Measurement } from "./laboratory.ts";
import type { Peaks } from "./peaks.ts";

/** The lines above the measurements. */
export function headLines(
  adapter: string,
  { C, H, D, T, V }: ModelShape,
  { flops, bytes }: Peaks,
): string[] {
  return [
    adapter,
    `100 %: ${number(flops / 1e6)} GFLOP/s in registers, ${number(bytes / 1e6)} GB/s of a copy`,
    `model: C ${C}, H ${H}, D ${D}, T ${T}, V ${V}; N 512/2048 ran with 512 of the model's 2048`,
    "",
    row("operation, its kernels", "length", "dispatches", "ms", "GFLOP/s", "%", "GB/s", "%"),
  ];
}

/** A line for the operation, and one for each kernel where these are not evident. */
export function measurementLines(
  { operation, label, length, kernels, flops, bytes }: Measurement,
  peaks: Peaks,
): string[] {
  const sum = (of: "dispatches" | "ms") => kernels.reduce((sum, kernel) => sum + kernel[of], 0);
  const ms = sum("ms");
  const share = (rate: number, peak: number) => (100 * rate / peak).toFixed(0);
  const line = row(
    `${operation} ${label}`,
    length,
    `${sum("dispatches")}`,
    number(ms),
    flops > 0 ? number(flops / ms / 1e6) : "",
    flops > 0 ? share(flops / ms, peaks.flops) : "",
    number(bytes / ms / 1e6),
    share(bytes / ms, peaks.bytes),
  );
  const evident = kernels.length === 1 &&
    kernels[0].name.replaceAll("_", "") === operation.toLowerCase();
  if (evident) return [line];
  return [
    line,
    ...kernels.map(({ name, dispatches, ms }) => row(`  ${name}`, "", `${dispatches}`, number(ms))),
  ];
}

/** Cells below each other: names to the left, numbers to the right. */
function row(name: string, length: string, ...numbers: string[]): string {
  const widths = [10, 9, 9, 4, 8, 4];
  const cells = numbers.map((cell, i) => cell.padStart(widths[i]));
  return `${name.padEnd(42)}${length.padEnd(14)}${cells.join("")}`.trimEnd();
}

/** The digits that count. */
function number(value: number): string {
  if (value < 1) return value.toPrecision(2);
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(value))));
}
