/**
 * A GPU that does nothing, for a device that only counts.
 *
 * @module
 */

/** Accepts all that the files of this folder ask of a GPU, and holds and computes nothing. */
export function countingGpu(limits: GPUSupportedLimits): GPUDevice {
  const nothing = () => ({});
  const pass = {
    setPipeline: nothing,
    setBindGroup: nothing,
    dispatchWorkgroups: nothing,
    end: nothing,
  };
  const encoder = {
    beginComputePass: () => pass,
    clearBuffer: nothing,
    copyBufferToBuffer: nothing,
    finish: nothing,
  };
  const answer = () => Promise.resolve(null);
  // What is read takes time where it is made anew each time.
  const read = new Map<number, ArrayBuffer>();
  const zeros = (bytes: number) => {
    const buffer = read.get(bytes) ?? new ArrayBuffer(bytes);
    read.set(bytes, buffer);
    return buffer;
  };
  const gpu = {
    limits,
    lost: new Promise(nothing), // never
    queue: { submit: nothing, writeBuffer: nothing, onSubmittedWorkDone: answer },
    addEventListener: nothing,
    createBuffer: ({ size }: GPUBufferDescriptor) => ({
      size,
      mapAsync: answer,
      getMappedRange: (_start: number, bytes: number) => ({ slice: () => zeros(bytes) }),
      unmap: nothing,
      destroy: nothing,
    }),
    createBindGroupLayout: nothing,
    createBindGroup: nothing,
    createPipelineLayout: nothing,
    createShaderModule: nothing,
    createComputePipeline: nothing,
    createCommandEncoder: () => encoder,
    pushErrorScope: nothing,
    popErrorScope: answer,
    destroy: nothing,
  };
  return gpu as unknown as GPUDevice;
}
