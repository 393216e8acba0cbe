/** A WebGPU that computes nothing and counts what it is asked for. */
import { countingGpu } from "../../lib/device/webgpu/counting_gpu.ts";

/** What was asked for. */
export interface Counted {
  /** Dispatches of kernels. */
  dispatches: number;
  /** Copies from buffer to buffer, and buffers that are filled with zeros. */
  copies: number;
  /** What these read and write. */
  bytes: number;
}

/** A WebGPU, and what was asked of its devices so far. */
export interface CountingWebGpu {
  gpu: GPU;
  counted: Counted;
}

/** A storage variable of a kernel. */
interface Variable {
  name: string;
  binding: number;
  /** How often its bytes are moved: once, or twice where it is read and written. */
  times: number;
}

/** As a card of today has them; Deno's WebGPU sees two gigabytes of a buffer on every card. */
const LIMITS: Record<string, number> = {
  maxBufferSize: 2 ** 37,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxStorageBuffersPerShaderStage: 16,
  minStorageBufferOffsetAlignment: 256,
  minUniformBufferOffsetAlignment: 256,
  maxComputeWorkgroupStorageSize: 48 * 2 ** 10,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
  maxComputeWorkgroupSizeY: 1024,
};

/** Bindings of which a kernel that has one of the others reads or writes only chosen rows. */
const TABLES = ["table", "dtable", "cache", "kCache", "vCache", "cosines", "sines"];

/** A WebGPU with one adapter, which has float16 and subgroups of 32. */
export function countingWebGpu(): CountingWebGpu {
  const counted: Counted = { dispatches: 0, copies: 0, bytes: 0 };
  const info = { description: "a GPU that counts", subgroupMinSize: 32, subgroupMaxSize: 32 };
  const features = new Set(["shader-f16", "subgroups"]);
  const adapter = {
    info,
    features,
    limits: LIMITS,
    requestDevice: () => Promise.resolve(countingDevice(counted, features)),
  };
  const gpu = { requestAdapter: () => Promise.resolve(adapter) };
  return { gpu: gpu as unknown as GPU, counted };
}

function countingDevice(counted: Counted, features: Set<string>): GPUDevice {
  const limits = LIMITS as unknown as GPUSupportedLimits;
  let variables: Variable[] = [], group: GPUBindGroupEntry[] = [];
  const pass = {
    setPipeline: (pipeline: { variables: Variable[] }) => variables = pipeline.variables,
    setBindGroup: (_: number, { entries }: { entries: GPUBindGroupEntry[] }) => group = entries,
    dispatchWorkgroups: () => {
      counted.dispatches++;
      counted.bytes += movedBytes(variables, group);
    },
    end: () => {},
  };
  const copy = (bytes: number) => {
    counted.copies++;
    counted.bytes += bytes;
  };
  const encoder = {
    beginComputePass: () => pass,
    clearBuffer: (_buffer: GPUBuffer, _offset: number, bytes: number) => copy(bytes),
    copyBufferToBuffer: (_a: GPUBuffer, _from: number, _b: GPUBuffer, _to: number, bytes: number) =>
      copy(2 * bytes),
    finish: () => ({}),
  };
  return Object.assign(countingGpu(limits), {
    features,
    createShaderModule: ({ code }: { code: string }) => ({ code }),
    createComputePipeline: ({ compute }: { compute: { module: { code: string } } }) => ({
      variables: variablesOf(compute.module.code),
    }),
    createBindGroup: ({ entries }: GPUBindGroupDescriptor) => ({ entries: [...entries] }),
    createCommandEncoder: () => encoder,
  } as unknown as Partial<GPUDevice>);
}

/** The storage variables of a kernel's code. */
function variablesOf(code: string): Variable[] {
  const body = code.replace(/\/\/.*/g, "");
  return [...body.matchAll(/@binding\((\d+)\) var<storage, (\w+)> (\w+)/g)]
    .map(([, binding, access, name]) => ({
      name,
      binding: Number(binding),
      times: access === "read_write" && isRead(body, name) ? 2 : 1,
    }));
}

/** Whether elements of an array that may be written are read: stand elsewhere than before a `=`. */
function isRead(code: string, name: string): boolean {
  const uses = code.matchAll(new RegExp(`(?<![\\w.])${name}\\[`, "g"));
  return [...uses].some(({ index }) => {
    let end = code.indexOf("[", index) + 1;
    for (let depth = 1; depth > 0; end++) {
      depth += code[end] === "[" ? 1 : code[end] === "]" ? -1 : 0;
    }
    return !/^\s*=[^=]/.test(code.slice(end, end + 20));
  });
}

/** What a dispatch moves: all that is bound, but of tables no more than of the other variables. */
function movedBytes(variables: readonly Variable[], group: readonly GPUBindGroupEntry[]): number {
  const bound = variables.map(({ name, binding, times }) => {
    const { resource } = group.find((entry) => entry.binding === binding)!;
    return { name, times, bytes: (resource as GPUBufferBinding).size! };
  });
  const has = (wanted: string) => bound.some(({ name }) => name === wanted);
  const isChosen = (name: string) => has("index") ? name !== "index" : TABLES.includes(name);
  const others = bound.filter(({ name }) => !isChosen(name)).map(({ bytes }) => bytes);
  const most = has("index")
    ? Math.min(...bound.filter(({ name }) => isChosen(name)).map(({ bytes }) => bytes))
    : Math.max(...others);
  return bound.reduce(
    (sum, { name, times, bytes }) => sum + times * (isChosen(name) ? Math.min(bytes, most) : bytes),
    0,
  );
}
