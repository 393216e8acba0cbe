/** The configuration of a model, for checkpoints in which nobody looks at it. */
export const modelConfig = {
  sequenceLen: 8,
  vocabSize: 3,
  nLayer: 1,
  nHead: 1,
  nKvHead: 1,
  nEmbd: 2,
  windowPattern: "L",
};
