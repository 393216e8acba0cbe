/** The parity model whose optimizer's state PyTorch saved, and the rates of its run. */
export const config = {
  sequenceLen: 256,
  vocabSize: 300,
  nLayer: 4,
  nHead: 4,
  nKvHead: 2,
  nEmbd: 64,
  windowPattern: "SSSL",
};
export const rates = { embeddingLr: 0.3, unembeddingLr: 0.004, matrixLr: 0.02 };
