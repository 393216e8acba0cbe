// The loss head on one chunk of rows: logits, cross-entropy with its gradient, gradients of rows and
// weights. Run with `deno bench -A bench/loss_head_bench.ts`; the last lines give rates.

import { benchOnDevice, openDevices, randomTensor } from "./rates.ts";

const [R, C, V] = [512, 256, 8192];

for (const device of await openDevices()) {
  const [x, dx] = [1, 2].map(() => randomTensor(device, [R, C]));
  const [weight, dweight] = [1, 2].map(() => randomTensor(device, [V, C], 0.1));
  const logits = randomTensor(device, [R, V]);
  const losses = device.allocate("losses", [R]);
  const targets = device.allocate("targets", [R], "int32");
  device.write(targets, Int32Array.from({ length: R }, (_, r) => r));
  const crossEntropy = () => {
    const head = { losses, logits, targets, start: 0, vocabSize: V, cap: 15 };
    device.softcapCrossEntropy({ ...head, gradientScale: 1 / R });
  };
  benchOnDevice(device, "loss head, forward and backward", "GFLOP/s", 6 * R * C * V, () => {
    device.matmul({ out: logits, a: x, b: weight, layout: "nt" });
    crossEntropy();
    device.matmul({ out: dx, a: logits, b: weight, layout: "nn" });
    device.matmul({ out: dweight, a: logits, b: x, layout: "tn", beta: 1 });
  });
  benchOnDevice(device, "softcapCrossEntropy alone, logits", "MB/s", 4 * R * V, crossEntropy);
}
