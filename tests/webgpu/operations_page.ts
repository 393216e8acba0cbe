/**
 * The script of a page (see chromium_test) that compares operations on the browser's WebGPU with the
 * float64 loops, and posts what is wrong.
 */
import type { Device, Operations } from "../../lib/device/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { checkOperation } from "../device/check_operation.ts";
import { operationVariants } from "./operation_variants.ts";

/** What the page posts: how many calls were compared, and those that were off. */
export interface OperationsReport {
  compared: number;
  wrong: string[];
}

/** Of an operation's choices so many are taken, dealt over all of them: a page compiles slowly. */
const MOST_CHOICES = 12;

/** What is left undefined, or works as memory only. */
const WORKSPACES = ["delta", "k"];

/** Gradients of attention divide by what a softmax adds up. */
const TOLERANCE = 1e-5;

async function compare<K extends keyof Operations>(
  device: Device,
  operation: K,
  report: OperationsReport,
): Promise<void> {
  const variants = operationVariants()[operation];
  const taken = Math.min(variants.length, MOST_CHOICES);
  for (let i = 0; i < taken; i++) {
    const args = variants[Math.floor(i * variants.length / taken)];
    // Logits without a gradient are left undefined.
    const isLeft = operation === "softcapCrossEntropy" &&
      !("gradientScale" in args && args.gradientScale);
    const workspaces = isLeft ? [...WORKSPACES, "logits"] : WORKSPACES;
    await checkOperation(device, operation, args, TOLERANCE, workspaces)
      .catch((error) => report.wrong.push(String(error)));
    report.compared++;
  }
}

async function compareAll(): Promise<OperationsReport> {
  const report: OperationsReport = { compared: 0, wrong: [] };
  const device = await createWebGpuDevice();
  for (const name of Object.keys(operationVariants()) as (keyof Operations)[]) {
    await compare(device, name, report);
  }
  return report;
}

const report = await compareAll().catch((error): OperationsReport => (
  { compared: 0, wrong: [String(error)] }
));
await fetch("report", { method: "POST", body: JSON.stringify(report) });
