export { compile, type Compiled, type CompileOptions } from './compile.ts';
export { defaultThreads, engine } from './device.ts';
export type { Binding, BoundModel, Engine, LoadedModel, LoadOptions } from './engine.ts';
export {
  assign,
  Assignment,
  type BoundProgram,
  type Mapped,
  Program,
  type ProgramMemory,
  type ProgramOptions,
  type Tree,
} from './program.ts';
