/**
 * What the runs share: opening a device, a model and an optimizer, the training loop, evaluation and
 * measurements, saving and going on.
 *
 * @module
 */
export { ChatcoreRun, type ChatcoreRunOptions } from "./chatcore_run.ts";
export { type ComputeOptions, computeType, computeTypes, weightType } from "./compute_type.ts";
export { type CheckedMixtures, checkMixtures } from "./check_mixtures.ts";
export type { CheckOptions, DataCheck, TaskCheck } from "./check_task.ts";
export {
  type CountedTask,
  dataLines,
  type DataNumbers,
  dataNumbers,
  LengthTally,
  type TaskLengths,
} from "./data_numbers.ts";
export { RunCheckpoints } from "./checkpoints.ts";
export {
  type PatienceOptions,
  type RunPlace,
  type SavingOptions,
  warnOfUnsaved,
} from "./disk_checkpoints.ts";
export { hubConnection, openDataSource } from "./data_source.ts";
export { evaluationSteps, validate, validationBpb, type ValidationOptions } from "./evaluation.ts";
export { areWorthSaving, attempt, endedBy } from "./failures.ts";
export type { MeasurementIo, RunIo } from "./io.ts";
export { isMultiple, runTrainingLoop } from "./loop.ts";
export type { TrainingBatch, TrainingLoopOptions } from "./loop_options.ts";
export { type LossScaleState, overflowLine } from "./loss_scale.ts";
export { type RunEnd, type RunProgress, START } from "./run_progress.ts";
export { type MeasurementOptions, RunMeasurements, type WhatIsMeasured } from "./measurements.ts";
export {
  checkDataOnly,
  type MixtureOptions,
  type RunMixtures,
  trainingMixture,
} from "./mixture.ts";
export {
  loadOwnFiles,
  type OwnDataOptions,
  type OwnFiles,
  ownForm,
  type OwnParts,
  splitOwn,
} from "./own_parts.ts";
export { demoDir, holds, modelFolders, whereModelsAre } from "./model_folders.ts";
export {
  findModel,
  type FoundModel,
  type LoadOptions,
  loadWeights,
  type OpenedModel,
  openModel,
  type WhichModel,
} from "./open_model.ts";
export {
  freshOptimizer,
  openOptimizer,
  type OptimizerStart,
  type OptimizerVariant,
} from "./open_optimizer.ts";
export { openCheckpoint, type OpenedCheckpoint, openTokenizer } from "./open_checkpoint.ts";
export { type Recipe, RECIPE_NAMES, type RecipeName, RECIPES } from "./recipes.ts";
export { type EvalOptions, type EvalSettings, runEval } from "./run_eval.ts";
export { checkFits, formatBytes, type Need } from "./room.ts";
export { sayEra } from "./say_era.ts";
export {
  type AnswerMemory,
  countAnswers,
  type ModelShape,
  type TextsAtOnce,
} from "./count_answers.ts";
export { countTraining, type TrainingMemory, type WhatElse } from "./count_memory.ts";
export {
  type Fitting,
  fittingRows,
  mostRows,
  orMemoryError,
  Room,
  type StepSize,
} from "./fitting_rows.ts";
export { fittingLines, formatMemory, memoryLine, roomOf, trainingLines } from "./memory_table.ts";
export {
  planAnswers,
  type PlannedRun,
  type PlannedTexts,
  type PlanningIo,
  planTraining,
} from "./plan_memory.ts";
export {
  gatherLoaders,
  optimizerContents,
  type RankContents,
  type RunContents,
  runContents,
  type SavedRun,
  savedRun,
} from "./save.ts";
export {
  accumulationSteps,
  fewerRows,
  type InheritedSettings,
  inheritSettings,
  stepTokensOf,
  type WantedRows,
  type WantedSettings,
} from "./settings.ts";
export { needsShippedBase, placeFile, placeShippedBase } from "./shipped_base.ts";
export { openSinks } from "./sinks.ts";
export {
  chooseSettings,
  type Chosen,
  type DataAmount,
  type OwnRun,
  type SmallDataSettings,
  smallDataSettings,
} from "./small_data.ts";
export { snakeCase, spelled } from "./spelling.ts";
export { type DeviceIo, withDevice } from "./with_device.ts";
export { type ModelIo, type ModelOptions, type WeightOptions, withModel } from "./with_model.ts";
