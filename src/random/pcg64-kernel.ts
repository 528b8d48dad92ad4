// The bridge to pcg64-kernel.wat, which draws many doubles at once.

import { PCG64_KERNEL } from './pcg64-kernel-bytes.ts';
import { compileKernel, instantiateKernel, type WasmMemory } from './wasm-kernel.ts';

interface Exports {
  readonly memory: WasmMemory;
  readonly fillDoubles: (count: number) => void;
}

interface Kernel {
  readonly fillDoubles: (count: number) => void;
  /** State and increment, four words each. */
  readonly words: Int32Array;
  /** Room for as many doubles as one call may draw. */
  readonly doubles: Float64Array;
}

/** Where the doubles begin in the kernel's memory. */
const DOUBLES_AT = 32;

// One for all bit generators: it keeps nothing between calls.
let shared: Kernel | undefined;

function load(): Kernel {
  const { memory, fillDoubles } = instantiateKernel<Exports>(compileKernel(PCG64_KERNEL));
  const words = new Int32Array(memory.buffer, 0, 8);
  return { fillDoubles, words, doubles: new Float64Array(memory.buffer, DOUBLES_AT) };
}

/**
 * Fills `out` with float64 in [0, 1), and moves the state on by as many steps. `words` are those of a PCG64: first the
 * state, then the increment, least significant word first.
 */
export function fillDoublesByKernel(words: Int32Array, out: Float64Array): void {
  shared ??= load();
  const { fillDoubles, words: kernelWords, doubles } = shared;
  for (let i = 0; i < 8; i++) kernelWords[i] = words[i];
  for (let start = 0; start < out.length; start += doubles.length) {
    const count = Math.min(doubles.length, out.length - start);
    fillDoubles(count);
    out.set(doubles.subarray(0, count), start);
  }
  for (let i = 0; i < 4; i++) words[i] = kernelWords[i];
}
