/**
 * The conversations that nanochat fine-tunes on and the problems it is measured by. A {@link Task}
 * is a list of conversations; an {@link EvalTask} also says whether an answer is right; a
 * {@link TaskMixture} shuffles tasks together. Rows come from a {@link DatasetSource} and are put
 * in the very order that nanochat sees them in.
 *
 * @example Read one's own conversations and add spelling to them
 * ```ts
 * import { CustomJSON, SimpleSpelling, TaskMixture } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const file = new Blob([
 *   '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}\n',
 * ]);
 * const own = await CustomJSON.load(file.stream(), "own.jsonl");
 * const spelling = new SimpleSpelling(["bee", "honey"], { size: 5, split: "train" });
 * const mixture = new TaskMixture([own, spelling]);
 * assertEquals(mixture.length, 6);
 * ```
 *
 * @module
 */

export type { ContentPart, Conversation, Message } from "../conversation.ts";
export { EvalTask, repeatTask, Task, TaskMixture, TaskSequence, type TaskSlice } from "./task.ts";
export { CompactRows, type Row, type Rows, shuffleRows } from "./rows.ts";
export type { DatasetSource } from "./source.ts";
export { LocalSource } from "./local_source.ts";
export { type HubOptions, HubSource } from "./hub/hub_source.ts";
export { EmbeddedSource } from "./embedded_source.ts";
export type { DownloadProgress, StartProgress } from "../hub/mod.ts";
export { readJsonlRows, readParquet, readParquetRows } from "./files.ts";
export { isParquet, openFile } from "./open_file.ts";
export { SmolTalk } from "./smoltalk.ts";
export { CustomJSON } from "./custom_json.ts";
export {
  type MultipleChoiceProblem,
  MultipleChoiceTask,
  renderMultipleChoice,
} from "./multiple_choice.ts";
export { MMLU, type MMLUProblem } from "./mmlu.ts";
export { ARC } from "./arc.ts";
export { calculatorParts, GSM8K } from "./gsm8k.ts";
export { finalAnswer } from "./final_answer.ts";
export { HumanEval, type HumanEvalProblem, humanEvalProgram, type RunPython } from "./humaneval.ts";
export { SimpleSpelling } from "./simple_spelling.ts";
export { SpellingBee } from "./spelling_bee.ts";
export { loadWords, type SpellingOptions } from "./words.ts";
export {
  conversationOf,
  type FormOptions,
  KeyMap,
  parseKeyMap,
  type RecognisedConversation,
} from "./forms/mod.ts";
export { type FileRecord, readRecords, type RecordFile } from "./records/mod.ts";
export { loadConversation, OwnConversations, type OwnData, parseOwnData } from "./own_data.ts";
export { loadMixtureFile, type MixtureFile, type OwnForm } from "./mixture_file.ts";
export { SPLIT_SEED, splitTasks, type TaskSplit, textOf, VALIDATION_SHARE } from "./split.ts";
export { TRAIN_MIXTURE, trainMixture, type TrainMixtureOptions, valMixture } from "./mixture.ts";
