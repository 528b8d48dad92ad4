// The bridge to softmax-kernel.wat: the memory of scores and weights, and what is done there.

import { compileKernel, instantiateKernel, kernelMemory, type WasmModule } from '../random/wasm-kernel.ts';
import { SOFTMAX_KERNEL } from './softmax-kernel-bytes.ts';

interface Exports {
  readonly largest: () => number;
  readonly weigh: (largest: number) => number;
  readonly draw: (left: number) => number;
}

// One compiled program for all; each kernel is an instance of it, with memory of its own.
let compiled: WasmModule | undefined;

/** Scores of one next token, and what they weigh. */
export class SoftmaxKernel {
  /** Write scores here, before softmax: `[size]`. */
  readonly scores: Float32Array;
  /** Written by {@link weigh}: exp(score - largest), float32 `[size]`. */
  readonly weights: Float32Array;
  /** The largest of the scores; one that is NaN is passed over. */
  readonly largest: () => number;
  /** Writes the weights, given the largest score, and returns their sum; NaN if the scores are not numbers. */
  readonly weigh: (largest: number) => number;
  /** The first place at which the weights, summed up, exceed `left`, which is at least 0 and below their sum. */
  readonly draw: (left: number) => number;

  /** @param size of the vocabulary. */
  constructor(size: number) {
    // The kernel goes on by sixteen.
    const filled = 16 * Math.ceil(size / 16);
    const memory = kernelMemory(8 * filled);
    compiled ??= compileKernel(SOFTMAX_KERNEL);
    const places = { memory, size: filled, weights: 4 * filled };
    const { largest, weigh, draw } = instantiateKernel<Exports>(compiled, { softmax: places });
    new Float32Array(memory.buffer, 0, filled).fill(-Infinity);
    this.scores = new Float32Array(memory.buffer, 0, size);
    this.weights = new Float32Array(memory.buffer, 4 * filled, size);
    this.largest = largest;
    this.weigh = weigh;
    this.draw = draw;
  }
}
