/**
 * AdamW and Muon over device operations, with nanochat's parameter groups, schedules and state
 * files.
 *
 * @module
 */
export { AdamW, type Moments } from "./adamw.ts";
export {
  type AdamWGroup,
  type GroupSettings,
  type LearningRates,
  type MuonGroup,
  type OptimizerParameter,
  type ParameterGroup,
  parameterGroups,
  widthScale,
} from "./groups.ts";
export { Muon, type MuonOptions, type MuonScratch, type MuonStack } from "./muon.ts";
export { Optimizer } from "./optimizer.ts";
export {
  lrMultiplier,
  momentumCoefficient,
  type ScheduleOptions,
  stepMultiplier,
} from "./schedule.ts";
export {
  type LoadedState,
  loadOptimizerShares,
  loadOptimizerState,
  type MissingShares,
  missingShares,
} from "./load.ts";
export type { IncomingTensor, OptimizerShare } from "./saved/shares.ts";
export type { GradientExchange, ReduceDtype } from "./sharded/gradient_exchange.ts";
export { ShardedOptimizer, type ShardedOptions } from "./sharded/sharded_optimizer.ts";
export { type OwnedGroups, ownedGroups, type Stretch } from "./sharded/ownership.ts";
export type { Piece } from "./sharded/waves.ts";
export type { RankOptimizer } from "./sharded/rank_optimizer.ts";
export { ShardStates } from "./sharded/state.ts";
export { type OptimizerState, optimizerState, type StateTime } from "./state.ts";
