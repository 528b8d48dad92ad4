// What transformers computed, recorded by test/fixtures/transformers/record.py, and the weights it computed it with.

import { expect } from 'vitest';
import type { PretrainedModel } from '../../src/lm/index.ts';
import type { Parameter } from '../../src/nn/index.ts';

/** Float32 numbers from base64. */
export function decoded(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** The elements that record.py gives the parameter that is the `index`-th by name. */
export function formula(index: number, size: number, norm: boolean): Float32Array {
  return Float32Array.from({ length: size }, (_, j) => {
    const wave = Math.sin(1 + 0.9 * index + 0.7391 * j + 0.01 * ((j * j) % 97));
    return norm ? 1 + 0.2 * wave : 0.4 * wave;
  });
}

/** A matrix as Hugging Face's files have it, which is transposed for some of GPT-2's, in our order. */
export function reordered(
  model: PretrainedModel,
  name: string,
  { shape }: Parameter,
  data: Float32Array,
): Float32Array {
  if (!model.checkpoint.isTransposed(name)) return data;
  const [out, features] = shape as [number, number];
  return data.map((_, i) => data[(i % features) * out + Math.floor(i / features)]!);
}

/** Overwrites all parameters by the formula. */
export function fill<T extends PretrainedModel>(model: T): T {
  const named = [...model.namedParameters()].toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [index, [name, parameter]] of named.entries()) {
    const norm = name.endsWith('weight') && parameter.rank === 1;
    parameter.set(reordered(model, name, parameter, formula(index, parameter.size, norm)));
  }
  return model;
}

/** The largest difference, relative to the largest of `expected`. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [far, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    far = Math.max(far, Math.abs(actual[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
    if (Number.isNaN(actual[i])) return NaN;
  }
  return far / scale;
}
