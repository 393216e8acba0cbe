/**
 * Compiling `assembly/` with AssemblyScript, for memories with addresses of 32 or of 64 bits.
 *
 * AssemblyScript's command compiles for 32 bits only; its library takes the target. It leaves two
 * things to do for 64 bits: the memory has to be declared wide, and exported functions must take
 * addresses as numbers, since JavaScript would have to pass a bigint for each.
 *
 * @module
 */
import * as assemblyscript from "assemblyscript";
import { libraryFiles, libraryPrefix } from "assemblyscript/asc";
import binaryen from "assemblyscript/binaryen";

/** Bits of an address. */
export type AddressBits = 32 | 64;

/** Pages of 64 KiB that a memory has at most: all of 4 GiB, and the 16 GiB that V8 allows. */
const MOST_PAGES = { 32: 1 << 16, 64: 1 << 18 };
/** The name that AssemblyScript gives to the memory. */
const MEMORY = "0";

const FEATURES = {
  simd: assemblyscript.FEATURE_SIMD,
  "relaxed-simd": assemblyscript.FEATURE_RELAXED_SIMD,
  threads: assemblyscript.FEATURE_THREADS,
  memory64: assemblyscript.FEATURE_MEMORY64,
};

/** A WebAssembly feature by name. */
export type Feature = keyof typeof FEATURES;

const folder = new URL("./assembly/", import.meta.url);

/** Compiles and optimizes `assembly/index.ts`, and returns the module's bytes. */
export function compileAssembly(
  features: readonly Feature[],
  addressBits: AddressBits,
): Uint8Array<ArrayBuffer> {
  const module = compileProgram(features, addressBits);
  const wrapped = binaryen.wrapModule(assemblyscript.getBinaryenModuleRef(module));
  if (addressBits === 64) {
    widenMemory(wrapped);
    takeNumbers(wrapped);
  }
  assemblyscript.optimize(module, 3, 0);
  if (!wrapped.validate()) throw new Error("the optimized module is not valid");
  return new Uint8Array(wrapped.emitBinary());
}

function compileProgram(
  features: readonly Feature[],
  addressBits: AddressBits,
): assemblyscript.Module {
  const options = assemblyscript.newOptions();
  assemblyscript.setTarget(options, addressBits === 64 ? 2 : 1);
  assemblyscript.setRuntime(options, 0);
  assemblyscript.setNoAssert(options, true);
  assemblyscript.setExportMemory(options, false);
  assemblyscript.setImportMemory(options, true);
  assemblyscript.setSharedMemory(options, true);
  assemblyscript.setInitialMemory(options, 1);
  assemblyscript.setMaximumMemory(options, MOST_PAGES[addressBits]);
  // The first 4 KiB belong to the pool; the host places everything else from 64 KiB on.
  assemblyscript.setMemoryBase(options, 4096);
  assemblyscript.setOptimizeLevelHints(options, 3, 0);
  assemblyscript.addGlobalAlias(options, "abort", "");
  for (const feature of features) assemblyscript.setFeature(options, FEATURES[feature], true);

  const program = assemblyscript.newProgram(options);
  for (const [name, text] of Object.entries(libraryFiles)) {
    // Those in folders are parsed when something imports them.
    if (!name.includes("/")) parse(program, `${libraryPrefix}${name}`, text);
  }
  for (const entry of [`${libraryPrefix}rt/index-stub`, "index"]) {
    parse(program, entry, textOf(entry), true);
  }
  let file: string | null;
  while ((file = assemblyscript.nextFile(program)) !== null) parse(program, file, textOf(file));
  refuseErrors(program);
  assemblyscript.initializeProgram(program);
  const module = assemblyscript.compile(program);
  refuseErrors(program);
  return module;
}

function parse(
  program: assemblyscript.Program,
  file: string,
  text: string | null,
  isEntry = false,
): void {
  assemblyscript.parse(program, text, `${file}.ts`, isEntry);
}

/** The text of a source, or null if there is none of that name. */
function textOf(file: string): string | null {
  if (file.startsWith(libraryPrefix)) {
    return libraryFiles[file.slice(libraryPrefix.length)] ?? null;
  }
  try {
    return Deno.readTextFileSync(new URL(`${file}.ts`, folder));
  } catch {
    return null;
  }
}

function refuseErrors(program: assemblyscript.Program): void {
  const lines: string[] = [];
  let message: assemblyscript.DiagnosticMessage | null;
  while ((message = assemblyscript.nextDiagnostic(program)) !== null) {
    if (assemblyscript.isError(message)) {
      lines.push(assemblyscript.formatDiagnostic(message, false, true));
    }
  }
  if (lines.length > 0) throw new Error(lines.join("\n"));
}

/** What binaryen's modules have and its declarations do not. */
interface DataSegments {
  getNumDataSegments(): number;
  getDataSegmentInfo(segment: number): { offset: number; data: ArrayBuffer };
}

/** Declares the imported memory anew, with 64-bit addresses and the same data. */
function widenMemory(plain: binaryen.Module): void {
  const module = plain as binaryen.Module & DataSegments;
  const segments = Array.from({ length: module.getNumDataSegments() }, (_, i) => {
    const { offset, data } = module.getDataSegmentInfo(module.getDataSegmentByIndex(i));
    return { offset: module.i64.const(offset), data: new Uint8Array(data), passive: false };
  });
  module.setMemory(1, MOST_PAGES[64], null, segments, true, true, MEMORY);
  module.addMemoryImport(MEMORY, "env", "memory", true);
}

/** Lets every exported function take and give float64 for int64: exact for whole numbers to 2⁵³. */
function takeNumbers(module: binaryen.Module): void {
  const { i64, f64 } = binaryen;
  const names = Array.from({ length: module.getNumExports() }, (_, i) => {
    const { name, value } = binaryen.getExportInfo(module.getExportByIndex(i));
    return { name, value };
  });
  for (const { name, value } of names) {
    const { params, results } = binaryen.getFunctionInfo(module.getFunction(value));
    const types = binaryen.expandType(params);
    const args = types.map((type, i) =>
      type === i64
        ? module.i64.trunc_u_sat.f64(module.local.get(i, f64))
        : module.local.get(i, type)
    );
    const call = module.call(value, args, results);
    const outside = (type: binaryen.Type) => type === i64 ? f64 : type;
    module.addFunction(
      `number:${name}`,
      binaryen.createType(types.map(outside)),
      outside(results),
      [],
      results === i64 ? module.f64.convert_u.i64(call) : call,
    );
    module.removeExport(name);
    module.addFunctionExport(`number:${name}`, name);
  }
}
