// Everything at once. The folders are also there one by one: gymformer/env, gymformer/rl, …
export * from './env/index.ts';
export * from './env/text/index.ts';
export * from './lm/index.ts';
export * from './nn/index.ts';
export * from './plots/index.ts';
export * from './random/index.ts';
export * from './rl/index.ts';
export * from './runtime/index.ts';
export * from './tensor/index.ts';
export * from './tracking/index.ts';
export * from './trainer/index.ts';
