// Parameters in one piece of memory, which optimizers sweep in blocks, threads share and checkpoints write at once.

import type { Parameter } from './parameter.ts';

/** Parameters begin at multiples of this many floats: 64 bytes, a cache line. */
const ALIGNMENT = 16;

/**
 * Moves parameters and their gradients into two flat, shareable arrays of one layout. The parameters' storages point there
 * afterwards; programs that are bound to them follow at their next run. Between parameters there are zeros.
 */
export class FlatParameters {
  /** What was moved: those given, without frozen and repeated ones. */
  readonly parameters: readonly Parameter[];
  /** Where each parameter begins, in floats. */
  readonly offsets: readonly number[];
  readonly weights: Float32Array;
  readonly gradients: Float32Array;

  constructor(parameters: Iterable<Parameter>) {
    this.parameters = [...new Set(parameters)].filter(({ frozen }) => !frozen);
    let end = 0;
    this.offsets = this.parameters.map(({ size }) => {
      const offset = end;
      end = ALIGNMENT * Math.ceil((offset + size) / ALIGNMENT);
      return offset;
    });
    this.weights = new Float32Array(new SharedArrayBuffer(4 * end));
    this.gradients = this.allocate();
    this.parameters.forEach(({ storage, gradient }, i) => {
      const weights = this.view(this.weights, i);
      weights.set(storage.data);
      storage.data = weights;
      const gradients = this.view(this.gradients, i);
      gradients.set(gradient.data);
      gradient.data = gradients;
    });
  }

  /** Zeroed memory of the same layout, for an optimizer's moments. */
  allocate(): Float32Array {
    return new Float32Array(new SharedArrayBuffer(this.weights.byteLength));
  }

  /** The part of `memory`, laid out as here, that belongs to parameter `index`. */
  view(memory: Float32Array, index: number): Float32Array {
    const offset = this.offsets[index]!;
    return memory.subarray(offset, offset + this.parameters[index]!.size);
  }

  /** The parameter, if any, whose weights or gradients have since been moved elsewhere. */
  moved(): Parameter | undefined {
    const { weights, gradients } = this;
    return this.parameters.find(
      ({ storage, gradient }) => storage.data.buffer !== weights.buffer || gradient.data.buffer !== gradients.buffer,
    );
  }
}
