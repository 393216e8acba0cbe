/** WebGPU whose devices a test changes before they are used: to count, to refuse, to be lost. */
import { findAdapter } from "../../lib/device/webgpu/mod.ts";

/** For {@link createWebGpuDevice}'s `gpu`; `prepare` is given each device that is opened. */
export function preparedGpu(prepare: (device: GPUDevice) => void): GPU {
  const requestAdapter = async () => {
    const adapter = (await findAdapter())!;
    const requestDevice = async (descriptor?: GPUDeviceDescriptor) => {
      const device = await adapter.requestDevice(descriptor);
      prepare(device);
      return device;
    };
    const { info, limits, features } = adapter;
    return { info, limits, features, requestDevice };
  };
  return { requestAdapter } as unknown as GPU;
}
