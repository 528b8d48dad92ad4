// How fresh parameters are filled: PyTorch's distributions, drawn from our generator.
// Source of the formulas: torch.nn.init.

import type { Generator } from '../random/index.ts';
import { type Shape, ShapeError, showShape, sizeOf } from '../tensor/index.ts';
import type { Initializer } from './parameter.ts';

/** Every element `value`. */
export function constant(value: number): Initializer {
  return (data) => {
    data.fill(value);
  };
}

/** Uniform in [-`bound`, `bound`). */
export function symmetricUniform(bound: number): Initializer {
  return (data, _shape, generator) => {
    generator.fillUniform(data);
    for (let i = 0; i < data.length; i++) data[i] = bound * (2 * data[i]! - 1);
  };
}

/** Normal. Defaults: mean 0, std 1. */
export function normal({ mean = 0, std = 1 }: { readonly mean?: number; readonly std?: number } = {}): Initializer {
  return (data, _shape, generator) => {
    generator.fillNormal(data);
    for (let i = 0; i < data.length; i++) data[i] = mean + std * data[i]!;
  };
}

/**
 * Uniform in ±gain sqrt(3 / in) with gain = sqrt(2 / (1 + a^2)), for rectifiers of negative slope `a` (default 0, ReLU).
 * He et al. 2015, arXiv 1502.01852. With a = sqrt(5) it is PyTorch's default for linear layers, ±1 / sqrt(in).
 */
export function kaimingUniform({ a = 0 }: { readonly a?: number } = {}): Initializer {
  return (data, shape, generator) => {
    const bound = Math.sqrt(6 / ((1 + a * a) * fans(shape).in));
    symmetricUniform(bound)(data, shape, generator);
  };
}

/** Uniform in ±`gain` sqrt(6 / (in + out)). Glorot & Bengio 2010. Default gain 1. */
export function xavierUniform({ gain = 1 }: { readonly gain?: number } = {}): Initializer {
  return (data, shape, generator) => {
    const fan = fans(shape);
    const bound = gain * Math.sqrt(6 / (fan.in + fan.out));
    symmetricUniform(bound)(data, shape, generator);
  };
}

/**
 * A random (semi-)orthogonal matrix times `gain` (default 1): rows are orthogonal if there are no more rows than columns,
 * else columns. Axes beyond the first count as columns. Saxe et al. 2013, arXiv 1312.6120.
 */
export function orthogonal(gain = 1): Initializer {
  return (data, shape, generator) => {
    needMatrix(shape);
    const rows = shape[0]!;
    const columns = sizeOf(shape.slice(1));
    const vectors = orthonormalVectors(Math.min(rows, columns), Math.max(rows, columns), generator);
    const [alongVector, alongVectors] = rows <= columns ? [1, columns] : [columns, 1];
    vectors.forEach((vector, i) => {
      for (let j = 0; j < vector.length; j++) data[i * alongVectors + j * alongVector] = gain * vector[j]!;
    });
  };
}

/**
 * The columns of Q in the QR decomposition of a Gaussian matrix with R's diagonal positive, which makes them uniformly
 * distributed (Mezzadri 2007, arXiv math-ph/0609050). By Gram-Schmidt, repeated where much cancels.
 */
function orthonormalVectors(count: number, size: number, generator: Generator): Float64Array[] {
  const vectors: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = generator.fillNormal(new Float64Array(size));
    let norm = Math.sqrt(dot(vector, vector));
    for (let before = Number.POSITIVE_INFINITY; norm < 0.7 * before; ) {
      before = norm;
      for (const other of vectors) {
        const along = dot(vector, other);
        for (let j = 0; j < size; j++) vector[j]! -= along * other[j]!;
      }
      norm = Math.sqrt(dot(vector, vector));
    }
    for (let j = 0; j < size; j++) vector[j]! /= norm;
    vectors.push(vector);
  }
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** How many inputs and outputs each unit of a weight `[out, in, ..]` has. */
function fans(shape: Shape): { readonly in: number; readonly out: number } {
  needMatrix(shape);
  const inner = sizeOf(shape.slice(2));
  return { in: shape[1]! * inner, out: shape[0]! * inner };
}

function needMatrix(shape: Shape): void {
  if (shape.length >= 2) return;
  throw new ShapeError(`this initializer needs a matrix [out, in], but the parameter has shape ${showShape(shape)}`);
}
