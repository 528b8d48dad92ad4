export { Adam, type AdamOptions, AdamW } from './adam.ts';
export {
  Optimizer,
  type OptimizerState,
  type StateOptions,
  type OptimizerTarget,
  type ParameterGroup,
  type ParameterGroupOptions,
  type StepOptions,
} from './optimizer.ts';
export {
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  linearSchedule,
  type WarmupOptions,
} from './schedules.ts';
export { SGD, type SGDOptions } from './sgd.ts';
