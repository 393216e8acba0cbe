/** Everything the host calls. */
export { join, finishJob, stopWorkers, work } from "./pool";
export { matmul, matmulWorkspace, packedBytes } from "./matmul";
export { matvec } from "./matvec";
export {
  checkFinite,
  combine,
  combineBackward,
  copy,
  epilogue,
  softcap,
  sumProducts,
  zero,
} from "./elementwise";
export { rmsNorm, rmsNormBackward } from "./norm";
export { smear, smearBackward } from "./smear";
export {
  addElements,
  appendCache,
  embeddingBackward,
  gatherRows,
  scatterRows,
} from "./embedding";
export { addValueEmbedding, addValueEmbeddingBackward } from "./value_embedding";
export { rotaryNorm, rotaryNormBackward } from "./rotary";
export { softcapCrossEntropy } from "./loss";
export { sample } from "./sample";
export { sampleWorkspace } from "./sample_kept";
export { attention, attentionWorkspace } from "./attention";
export { attentionBackward, attentionBackwardWorkspace } from "./attention_backward";
export { attentionDecode } from "./attention_decode";
export { adamW } from "./adamw";
export {
  cautiousUpdate,
  equilibrateRows,
  frobeniusNormalize,
  muonMomentum,
  muonVarianceReduction,
} from "./muon";
