import { describe, expect, it } from 'vitest';
import {
  Dropout,
  Embedding,
  gradientAssignments,
  LayerNorm,
  Linear,
  MLP,
  Module,
  RMSNorm,
  Sequential,
  type StateData,
} from '../../src/nn/index.ts';
import { defaultRng } from '../../src/random/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { ones, type Tensor, tensor } from '../../src/tensor/index.ts';
import fixture from '../fixtures/torch/nn.json' with { type: 'json' };

interface Row {
  readonly name: string;
  readonly parameters: Readonly<Record<string, { readonly shape: number[]; readonly data: number[] }>>;
  readonly input: { readonly shape: number[]; readonly data: number[] };
  readonly output: { readonly shape: number[]; readonly data: number[] };
  readonly cotangent: number[];
  readonly gradients: Readonly<Record<string, number[]>>;
}

class Tied extends Module {
  readonly embedding = new Embedding(5, 3);
  readonly head = { table: this.embedding.weight };

  forward(ids: Tensor): Tensor {
    return this.embedding.forward(ids).tanh().linear(this.head.table);
  }
}

const build: Readonly<Record<string, () => Module & { forward(x: Tensor): Tensor }>> = {
  'Linear(4, 3)': () => new Linear(4, 3),
  'Linear(4, 3), no bias, 3 axes': () => new Linear(4, 3, { bias: false }),
  'Embedding(5, 3)': () => new Embedding(5, 3),
  'LayerNorm(6)': () => new LayerNorm(6),
  'LayerNorm(6), epsilon 0.5': () => new LayerNorm(6, { epsilon: 0.5 }),
  'RMSNorm(6)': () => new RMSNorm(6),
  'MLP [3, 5, 4, 2], tanh': () => new MLP([3, 5, 4, 2]),
  'MLP [3, 5, 2], relu, sigmoid at the end': () =>
    new MLP([3, 5, 2], { activation: 'relu', outputActivation: 'sigmoid' }),
  Sequential: () => new Sequential(new Linear(3, 6), (x) => x.gelu(), new LayerNorm(6), new Linear(6, 2)),
  Tied: () => new Tied(),
};

// Recorded from PyTorch in float64: test/fixtures/torch/record.py nn.
describe('layers against PyTorch', () => {
  it.each(fixture.rows as unknown as Row[])('$name', (row) => {
    const module = build[row.name]!();
    module.loadStateDict(
      new Map(
        Object.entries(row.parameters).map(([k, { shape, data }]) => [k, { shape, data: Float32Array.from(data) }]),
      ),
    );
    const ids = /Embedding|Tied/.test(row.name);
    const x = tensor(ids ? Int32Array.from(row.input.data) : Float32Array.from(row.input.data), row.input);
    const step = compile((input: Tensor, cotangent: Tensor) => {
      const output = module.forward(input);
      return { output, gradients: gradientAssignments(output.mul(cotangent).sum(), module.parameters()) };
    });
    const { output } = step(x, tensor(Float32Array.from(row.cotangent), row.output));
    expect(output.shape).toEqual(row.output.shape);
    expectClose(output.dataSync(), row.output.data);
    expect([...module.namedParameters().keys()].sort()).toEqual(Object.keys(row.gradients).sort());
    for (const [name, parameter] of module.namedParameters()) {
      expectClose(parameter.gradient.data, row.gradients[name]!);
    }
    step.dispose();
  });
});

function expectClose(actual: StateData, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) =>
    expect(Math.abs(Number(actual[i]) - value)).toBeLessThan(1e-5 * (1 + Math.abs(value))),
  );
}

describe('MLP', () => {
  it('draws the same weights from the same seed, others from another', () => {
    const weights = (seed: number): number[] =>
      new MLP([3, 8, 2], { generator: defaultRng(seed) }).parameters().flatMap(({ storage }) => [...storage.data]);
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  it('begins orthogonal, with biases of 0, if asked', () => {
    const mlp = new MLP([4, 6, 2], { init: { kind: 'orthogonal', outputGain: 0.01 } });
    const squares = mlp.layers.map(({ weight }) => weight.storage.data.reduce((sum, w) => sum + w * w, 0));
    // An orthogonal [rows, columns] has squared norm gain^2 min(rows, columns).
    expect(squares[0]).toBeCloseTo(2 * 4, 5);
    expect(squares[1]).toBeCloseTo(1e-4 * 2, 8);
    for (const { bias } of mlp.layers) expect([...bias!.storage.data].every((b) => b === 0)).toBe(true);
  });

  it('refuses an unknown activation and too few sizes', () => {
    expect(() => new MLP([3, 2], { activation: 'swoosh' as 'tanh' })).toThrow(
      "no activation 'swoosh'; there are identity",
    );
    expect(() => new MLP([3])).toThrow('needs at least an input and an output size');
  });
});

describe('Dropout', () => {
  it('drops and rescales in training, and passes all in evaluation', () => {
    const net = new Sequential(new Dropout(0.25, { generator: defaultRng(3) }));
    const dropped = net.forward(ones([4000])).dataSync();
    expect(new Set(dropped)).toEqual(new Set([0, Math.fround(4 / 3)]));
    // Binomial(4000, 1/4): the standard deviation is 27, and 5 of them are 137.
    expect(Math.abs(dropped.filter((x) => x === 0).length - 1000)).toBeLessThan(137);
    expect(
      net
        .eval()
        .forward(ones([5]))
        .dataSync(),
    ).toEqual(Float32Array.from([1, 1, 1, 1, 1]));
    expect(net.train().layers[0]).toHaveProperty('training', true);
  });

  it('refuses a probability outside [0, 1)', () => {
    expect(() => new Dropout(1)).toThrow(RangeError);
    expect(() => new Dropout(-0.1)).toThrow(RangeError);
  });
});

it('a linear layer says which features it expects', () => {
  expect(() => new Linear(64, 8).forward(ones([8, 32]))).toThrow('linear expects 64 features but x has shape [8, 32]');
});
