// What is written with tensors: composed methods, edges where a convention decides, and the words of errors.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { npRandom } from '../../src/random/index.ts';
import {
  arange,
  argument,
  concat,
  full,
  gradients,
  ones,
  scalar,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  uniform,
  zeros,
} from '../../src/tensor/index.ts';
import '../../src/runtime/index.ts';
import { interpret } from './interpreter.ts';

const int32 = (...values: number[]): Tensor => tensor(Int32Array.from(values));
const elements = (x: Tensor): number[] => Array.from(x.dataSync());
const slopeOf = (f: (x: Tensor) => Tensor, at: number[]): number[] => {
  const x = tensor(at);
  return elements(gradients(f(x).sum(), [x])[0]!);
};

describe('making tensors', () => {
  test('nested arrays, typed arrays and numbers', async () => {
    expect(await tensor([[1, 2, 3], [4, 5, 6]]).data()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6)); // biome-ignore format: a matrix
    expect(tensor([[true], [false]])).toMatchObject({ shape: [2, 1], dtype: 'bool' });
    expect(tensor([1, 2], { dtype: 'int32' }).dataSync()).toEqual(Int32Array.of(1, 2));
    expect(tensor(Float32Array.of(1, 2, 3, 4), { shape: [2, 2] }).shape).toEqual([2, 2]);
    expect(tensor(Int32Array.of(1, 0), { dtype: 'bool' }).dataSync()).toEqual(Uint8Array.of(1, 0));
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor(5).shape).toEqual([]);
    expect(scalar(2.5).item()).toBe(2.5);
    expect(full([2], 7, 'int32').dataSync()).toEqual(Int32Array.of(7, 7));
    expect(elements(zeros([2]))).toEqual([0, 0]);
    expect(elements(ones([1, 2]))).toEqual([1, 1]);
    expect(arange(3).dataSync()).toEqual(Int32Array.of(0, 1, 2));
  });

  test('elements come in memory of their own', () => {
    const x = tensor([1, 2]);
    x.dataSync().fill(9);
    expect(elements(x)).toEqual([1, 2]);
  });
});

describe('composed methods', () => {
  // Closed forms.
  test.each<[string, () => Tensor, number[]]>([
    ['square', () => tensor([-3, 2]).square(), [9, 4]],
    ['min', () => tensor([[3, -1], [2, 5]]).min({ axis: 1 }), [-1, 2]], // biome-ignore format: a matrix
    ['int32 min', () => int32(3, -1).min(), [-1]],
    ['int32 argmax', () => int32(3, 7, 7).argmax(), [1]],
    ['mean over two axes', () => tensor([[1, 2], [3, 6]]).mean({ axis: [-1, 0] }), [3]], // biome-ignore format: a matrix
    ['silu', () => tensor([0, Infinity]).silu(), [0, Infinity]],
    ['notEqual', () => int32(1, 2).notEqual(2), [1, 0]],
    ['greater', () => tensor([1, 2, 3]).greater(2), [0, 0, 1]],
    ['greaterEqual', () => tensor([1, 2, 3]).greaterEqual(2), [0, 1, 1]],
    [
      'and, or, not',
      () =>
        tensor([true, false])
          .and(tensor([true, true]))
          .or(tensor([false, true]).not()),
      [1, 0],
    ],
    ['where with numbers', () => tensor([true, false]).where(1.5, -1), [1.5, -1]],
    ['where with a number and int32', () => tensor([true, false]).where(3, int32(8, 9)), [3, 9]],
    ['int32 division cuts towards zero', () => int32(7, -7).div(2), [3, -3]],
    ['cast to int32 cuts towards zero', () => tensor([1.9, -1.9]).cast('int32'), [1, -1]],
    ['oneHot leaves out what is no class', () => int32(1, 5, -1).oneHot(2), [0, 1, 0, 0, 0, 0]],
    ['stack', () => stack([int32(1, 2), int32(3, 4)], -1), [1, 3, 2, 4]],
    ['slice, reversed', () => arange(5).slice([null], [null], [-2]), [4, 2, 0]],
    ['slice from beyond the start, backwards', () => arange(5).slice([-9], [-9], [-1]), []],
    ['logsumexp of large numbers', () => tensor([1000, 1000]).logsumexp(), [1000 + Math.log(2)].map(Math.fround)],
    ['logsumexp of nothing possible', () => tensor([-Infinity, -Infinity]).logsumexp(), [-Infinity]],
    ['a loss beyond float32 probabilities', () => tensor([[0, 200]]).crossEntropy(int32(0)), [200]],
    [
      '0 and -0 are different constants',
      () => concat([tensor([0, 1]), tensor([-0, 1])]).reciprocal(),
      [Infinity, 1, -Infinity, 1],
    ],
    ['a mean of nothing', () => zeros([0]).mean(), [Number.NaN]],
    ['pad of a scalar', () => scalar(3).pad([], []), [3]],
    ['pow by constants', () => stack([3, 2, 1, 0.5, -1, 0].map((e) => scalar(4).pow(e))), [64, 16, 4, 2, 0.25, 1]],
  ])('%s', (_, build, expected) => {
    expect(elements(build())).toEqual(expected);
  });

  test('what changes nothing adds no node', () => {
    const x = argument(0, [2, 3], 'float32');
    const same = [x.add(0), x.sub(0), x.mul(1), x.div(1), x.pow(1), x.cast('float32'), x.reshape([-1, 3])];
    same.push(x.expand([2, 3]), x.permute([0, 1]), x.slice([0]), x.pad([0, 0], [0, 0]));
    for (const y of same) expect(y).toBe(x);
  });

  test('reshape, unsqueeze and squeeze agree on shapes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }), fc.nat(), (shape, seed) => {
        const x = argument(0, shape, 'float32');
        const axis = seed % (shape.length + 1);
        expect(x.unsqueeze(axis).squeeze(axis).shape).toEqual(shape);
        expect(x.unsqueeze(axis - shape.length - 1).shape).toEqual(x.unsqueeze(axis).shape);
        expect(x.reshape([-1]).shape).toEqual([x.size]);
      }),
      { seed: 5, numRuns: 50 },
    );
  });
});

describe('gradients where a convention decides, as in PyTorch', () => {
  test('kinks and ties', () => {
    expect(slopeOf((x) => x.relu(), [-1, 0, 2])).toEqual([0, 0, 1]);
    expect(slopeOf((x) => x.abs(), [-1, 0, 2])).toEqual([-1, 0, 1]);
    expect(slopeOf((x) => x.clip(-1, 1), [-2, -1, 0, 1, 2])).toEqual([0, 1, 1, 1, 0]);
    expect(slopeOf((x) => x.maximum(1), [0, 1, 2])).toEqual([0, 0.5, 1]);
    expect(slopeOf((x) => x.minimum(1), [0, 1, 2])).toEqual([1, 0.5, 0]);
    expect(slopeOf((x) => x.max(), [3, 1, 3])).toEqual([0.5, 0, 0.5]);
    expect(slopeOf((x) => x.pow(zeros([2])), [0, 3])).toEqual([0, 0]);
    expect(slopeOf((x) => x.pow(4), [0, 2])).toEqual([0, 32]);
    expect(slopeOf((x) => zeros([2]).pow(x), [1, 2])).toEqual([0, 0]);
    expect(slopeOf((x) => x.sqrt(), [0])).toEqual([Infinity]);
  });

  test('an input used twice gets both shares, an unused one zeros, a stopped path nothing', () => {
    expect(slopeOf((x) => x.mul(x), [3])).toEqual([6]);
    expect(slopeOf((x) => x.mul(x.stopGradient()), [3])).toEqual([3]);
    expect(slopeOf(() => scalar(1), [3])).toEqual([0]);
    const x = tensor([2]);
    const y = x.mul(3);
    expect(gradients(y.square().sum(), [x, y]).map(elements)).toEqual([[36], [12]]);
  });

  test('reach tensors that a kernel could do without: stretched, transposed, reshaped', () => {
    const x = ones([2, 2]);
    expect(elements(gradients(x.mul(tensor([3, 4])).sum(), [x])[0]!)).toEqual([3, 4, 3, 4]);
    const t = tensor([[1, 2], [3, 4]]).transpose(); // biome-ignore format: a matrix
    expect(elements(gradients(t.matmul(ones([2, 1])).sum(), [t])[0]!)).toEqual([1, 1, 1, 1]);
    const r = tensor([1, 2, 3, 4]).reshape([2, 2]);
    expect(
      elements(
        gradients(
          r
            .reshape([4])
            .mul(tensor([1, 2, 3, 4]))
            .sum(),
          [r],
        )[0]!,
      ),
    ).toEqual([1, 2, 3, 4]);
  });

  test('second derivatives', () => {
    const second = (f: (x: Tensor) => Tensor, at: number): number => {
      const x = tensor([at]);
      return gradients(gradients(f(x).sum(), [x])[0]!.sum(), [x])[0]!.item();
    };
    expect(second((x) => x.pow(3), 2)).toBeCloseTo(12, 5);
    expect(second((x) => x.tanh(), 0.5)).toBeCloseTo(-2 * Math.tanh(0.5) * (1 - Math.tanh(0.5) ** 2), 5);
    expect(() => second((x) => x.rmsNorm(ones([1])), 0.5)).toThrow('these have no second derivatives');
  });

  test('ten thousand operations deep', () => {
    const x = tensor([1.5]);
    let y: Tensor = x;
    for (let i = 0; i < 5000; i++) y = y.neg().abs();
    expect(y.item()).toBe(1.5);
    // Interpreted: the engine takes seconds to load as many nodes.
    expect([...interpret(gradients(y.sum(), [x]))[0]!.data]).toEqual([1]);
  });
});

describe('dropout', () => {
  test('is seeded, keeps the mean and drops the share it says', () => {
    const draw = (seed: number): number[] => elements(ones([100, 100]).dropout(0.25, npRandom(seed)[0]));
    const first = draw(1);
    expect(draw(1)).toEqual(first);
    expect(draw(2)).not.toEqual(first);
    expect(new Set(first)).toEqual(new Set([0, Math.fround(4 / 3)]));
    const dropped = first.filter((v) => v === 0).length / first.length;
    // Ten thousand draws: four standard deviations are 0.017.
    expect(Math.abs(dropped - 0.25)).toBeLessThan(0.017);
    const mean = first.reduce((a, b) => a + b, 0) / first.length;
    expect(Math.abs(mean - 1)).toBeLessThan(0.024);
  });

  test('is the stream of the generator', () => {
    expect(elements(uniform([5], npRandom(3)[0]))).toEqual(Array.from(npRandom(3)[0].random(5, 'float32')));
  });

  test('the gradient passes where the value passed', () => {
    const x = full([64], 3);
    const y = x.dropout(0.5, npRandom(4)[0]);
    const both = elements(stack([y, gradients(y.sum(), [x])[0]!]));
    expect(both.slice(0, 64)).toEqual(both.slice(64).map((slope) => 3 * slope));
    expect(new Set(both.slice(64))).toEqual(new Set([0, 2]));
  });

  test('of probability 0 is nothing, of 1 an error', () => {
    const x = ones([2]);
    expect(x.dropout(0, npRandom(1)[0])).toBe(x);
    expect(() => x.dropout(1, npRandom(1)[0])).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: dropout: probability 1 is not in [0, 1)]`,
    );
  });
});

describe('errors name the operation and the shapes', () => {
  const x = argument(0, [2, 3], 'float32');
  const ids = argument(1, [4], 'int32');
  test.each<[string, () => unknown]>([
    ['adding', () => x.add(argument(2, [4], 'float32'))],
    ['adding int32', () => x.add(ids)],
    ['adding 0.5 to int32', () => ids.add(0.5)],
    ['negating bool', () => x.equal(1).neg()],
    ['a product', () => x.matmul(argument(2, [2, 4], 'float32'))],
    ['a transposed product', () => x.matmul(argument(2, [4, 2], 'float32'), { transposeB: true })],
    ['a product of vectors', () => argument(2, [3], 'float32').matmul(x)],
    ['batches', () => argument(2, [2, 2, 3], 'float32').matmul(argument(3, [5, 3, 1], 'float32'))],
    ['linear', () => x.linear(argument(2, [5, 4], 'float32'))],
    ["linear's bias", () => x.linear(argument(2, [5, 3], 'float32'), argument(3, [3], 'float32'))],
    ['reshape', () => x.reshape([4, 2])],
    ['reshape with -1', () => x.reshape([-1, 4])],
    ['an axis', () => x.sum({ axis: 2 })],
    ['an axis twice', () => x.sum({ axis: [0, -2] })],
    ['permute', () => x.permute([0, 0])],
    ['squeeze', () => x.squeeze(0)],
    ['expand', () => x.expand([2])],
    ['slice', () => x.slice([0, 0, 0])],
    ['slice by halves', () => x.slice([0.5])],
    ['slice without a step', () => x.slice([0], [], [0])],
    ['pad', () => x.pad([1], [1])],
    ['concat', () => concat([x, argument(2, [2, 4], 'float32')])],
    ['concat of nothing', () => concat([])],
    ['take', () => x.take(argument(2, [2], 'float32'))],
    ['gather', () => x.gather(ids)],
    ['layerNorm', () => x.layerNorm(ones([2]), ones([3]))],
    ["layerNorm's types", () => x.layerNorm(full([3], 1, 'int32'), ones([3]))],
    ['rmsNorm', () => x.rmsNorm(ones([2]))],
    ['crossEntropy', () => x.crossEntropy(ids)],
    ['max of nothing', () => zeros([0]).max()],
    ['mean of int32', () => ids.mean()],
    ['exp of int32', () => ids.exp()],
    ['clip', () => x.clip(1, 0)],
    ['where', () => x.where(1, 0)],
    ['and', () => x.and(x)],
    ['ragged rows', () => tensor([[1, 2], [3]])],
    ['too few elements', () => tensor(Float32Array.of(1, 2, 3), { shape: [2, 2] })],
    ['item', () => x.item()],
    ['a loss of several numbers', () => gradients(x, [x])],
  ])('%s', (_, build) => {
    let error: unknown;
    try {
      build();
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ShapeError);
    expect((error as ShapeError).message).toMatchSnapshot();
  });

  test('an index outside is refused when it runs', () => {
    expect(() => ones([5, 3]).take(int32(9)).dataSync()).toThrow('idx=9 must be within the inclusive range [-5,4]');
    expect(() => ones([5]).gather(int32(7)).dataSync()).toThrow('GatherElements');
  });
});
