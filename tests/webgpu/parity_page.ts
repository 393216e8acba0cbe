/**
 * The script of a page (see chromium_test) that measures parity on the browser's WebGPU, and posts
 * what it found.
 */
import { type Folder, HttpSource } from "../../lib/checkpoint/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { parityModel } from "../model/parity.ts";
import {
  type ForwardMeasures,
  measureForward,
  measureTraining,
  type TrainingMeasures,
} from "../model/parity_measures.ts";

/** What the page posts: measures, or why there are none. */
export type PageReport =
  | { forward: ForwardMeasures; training: TrainingMeasures }
  | { error: string };

const folder: Folder = {
  name: "fixture",
  open: (file) => HttpSource.open(`fixture/${file}`),
};

async function measure(): Promise<PageReport> {
  const device = await createWebGpuDevice();
  const forward = await measureForward(await parityModel(device, folder));
  const training = await measureTraining(await parityModel(device, folder));
  return { forward, training };
}

const report = await measure().catch((error): PageReport => ({ error: String(error) }));
await fetch("report", { method: "POST", body: JSON.stringify(report) });
