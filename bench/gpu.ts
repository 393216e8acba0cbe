/**
 * A GPU's report, in one command of a few minutes: what the adapter is, whether every operation is
 * right on it, and how fast products, training and writing are, each beside what it is compared
 * with.
 *
 *     deno task gpu [FOLDER] [--short] [--minutes 8] [--only TEXT]
 *       [--python PATH [--nanochat CLONE]]
 *
 * It writes ADAPTER.md and ADAPTER.json to FOLDER, `bench/gpu` unless given, anew after each part:
 * whatever ends the command, what was measured stands there. Each part is a process of its own, so
 * that one that fails, or takes too long, ends no other. Nothing is downloaded but what is missing
 * of the packages in deno.json.
 *
 * --short is for adapters in software: everything once, with very small models. After --minutes
 * nothing new is begun. --only measures those parts alone that have TEXT in their name. With a
 * PATH to a Python that has PyTorch, products are compared with PyTorch's; with a CLONE of nanochat,
 * steps of training are too.
 */
import { parseArgs } from "node:util";
import { fromFileUrl } from "@std/path";
import { partsOf } from "./gpu/parts.ts";
import type { Settings } from "./gpu/part.ts";
import { targetLines } from "./gpu/report.ts";
import { measureAll, measureHere } from "./gpu/run.ts";
import "./plain_errors.ts";
import { UserError } from "../lib/errors.ts";

const { values, positionals: [folder = fromFileUrl(new URL("gpu", import.meta.url))] } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: "boolean", default: false },
    minutes: { type: "string", default: "8" },
    only: { type: "string", default: "" },
    python: { type: "string" },
    nanochat: { type: "string" },
    // The process of a part is told its name.
    part: { type: "string" },
  },
});
const { short, python, nanochat } = values;
const settings: Settings = { short, python, nanochat };
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new UserError(`--minutes must be more than 0, not ${values.minutes}`);
const parts = partsOf(settings);
if (values.part !== undefined) {
  await measureHere(parts.find(({ name }) => name === values.part)!, settings);
  // A device that is left open would keep the process.
  Deno.exit();
}
const wanted = parts.filter(({ name, table }) => table === "adapter" || name.includes(values.only));
const { path, results } = await measureAll(wanted, settings, { folder, minutes });
if (!short) console.log(targetLines(results).join("\n"));
for (const [part, why] of Object.entries(results.failures)) console.log(`${part}: ${why}`);
console.log(path);
