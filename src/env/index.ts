import './built-in-wrappers.ts';

export { checkEnv, type CheckEnvOptions } from './check-env.ts';
export * from './classic-control/index.ts';
export * from './env-types.ts';
export {
  type ActionOf,
  type Answer,
  Env,
  type EnvMetadata,
  type Info,
  type MaybePromise,
  type ObservationOf,
  type ResetOptions,
  type ResetResult,
  type StepResult,
  type SyncEnv,
} from './env.ts';
export * from './errors.ts';
export { findSpec, findWrapper, parseEnvId, registry, spec } from './lookup.ts';
export { make, type MakeOptions } from './make.ts';
export { makeVec, type MakeVecOptions } from './make-vec.ts';
export { pprintRegistry, type PprintRegistryOptions, register, registerWrapper } from './registry.ts';
export {
  type EntryPoint,
  type EnvKwargs,
  EnvSpec,
  type EnvSpecFields,
  type VectorEntryPoint,
  type WrapperConstructor,
  type WrapperSpec,
  wrapperSpec,
} from './spec.ts';
export * from './rendering/index.ts';
export * from './spaces/index.ts';
export * from './toy-text/index.ts';
export * from './vector/index.ts';
export { setWarningHandler, type WarningHandler } from './warnings.ts';
export { ActionWrapper, ObservationWrapper, RewardWrapper, Wrapper } from './wrapper.ts';
export * from './wrappers/index.ts';
