/**
 * Making a base model from text: a tokenizer, documents packed into rows, and pretraining.
 *
 * @example Pack documents
 * ```ts
 * import { DocumentLoader } from "@nanochat/sft/base";
 * import { assertEquals } from "@std/assert";
 *
 * const documents = [Int32Array.of(0, 1, 2), Int32Array.of(0, 3)];
 * const { x, y } = new DocumentLoader(documents, { B: 1, T: 4, bufferSize: 2 }).next();
 * assertEquals([[...x], [...y]], [[0, 1, 2, 0], [1, 2, 0, 3]]);
 * ```
 *
 * @module
 */

export { DocumentLoader } from "./document_loader.ts";
export type { DocumentBatch, DocumentLoaderOptions } from "./document_loader.ts";
export { readDocuments, tokenizeDocuments } from "./documents.ts";
export type { TokenizedDocuments } from "./documents.ts";
export type { BaseOptions } from "./options.ts";
export { baseConfig, type BaseResult, pretrain, runBase } from "./run.ts";
export { runTokTrain, type TokTrainOptions } from "./train_tokenizer.ts";
