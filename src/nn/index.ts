export { type Activation, activationFunction } from './activation.ts';
export {
  type Attention,
  CachedAttention,
  type CachedAttentionInputs,
  cachedHeadSize,
  CausalAttention,
  type CausalOptions,
  type Heads,
} from './attention.ts';
export { Dropout, type DropoutOptions } from './dropout.ts';
export { Embedding, type EmbeddingOptions } from './embedding.ts';
export { FlatParameters } from './flat.ts';
export { GatedMLP, type GatedMLPOptions } from './gated-mlp.ts';
export { gradientAssignments } from './gradient-assignments.ts';
export { constant, kaimingUniform, normal, orthogonal, symmetricUniform, xavierUniform } from './init.ts';
export { Linear, type LinearOptions } from './linear.ts';
export { MLP, type MLPInit, type MLPOptions } from './mlp.ts';
export { type Layer, Module } from './module.ts';
export { LayerNorm, type NormOptions, RMSNorm } from './norms.ts';
export {
  Adam,
  type AdamOptions,
  AdamW,
  constantSchedule,
  cosineSchedule,
  type DecayOptions,
  linearSchedule,
  Optimizer,
  type OptimizerState,
  type StateOptions,
  type OptimizerTarget,
  type ParameterGroup,
  type ParameterGroupOptions,
  SGD,
  type SGDOptions,
  type StepOptions,
  type WarmupOptions,
} from './optim/index.ts';
export { type Initializer, Parameter, uninitialized } from './parameter.ts';
export { type RopeScaling, Rotary, type RotaryOptions } from './rotary.ts';
export {
  readSafetensors,
  type SafetensorsContent,
  type SafetensorsDtype,
  type SafetensorsEntry,
  SafetensorsError,
  writeSafetensors,
} from './safetensors.ts';
export { SafetensorsFile, type TensorToWrite, writeSafetensorsFile } from './safetensors-file.ts';
export { Sequential } from './sequential.ts';
export type { Float32State, StateData, StateDict, StateEntry } from './state-dict.ts';
