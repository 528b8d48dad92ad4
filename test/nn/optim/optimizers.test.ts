import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Adam,
  AdamW,
  cosineSchedule,
  FlatParameters,
  linearSchedule,
  type Optimizer,
  Parameter,
  SGD,
} from '../../../src/nn/index.ts';
import fixture from '../../fixtures/torch/optim.json' with { type: 'json' };

interface Row {
  readonly optimizer: 'SGD' | 'Adam' | 'AdamW';
  readonly name: string;
  readonly options: {
    readonly lr: number;
    readonly betas?: [number, number];
    readonly eps?: number;
    readonly weightDecay?: number;
    readonly momentum?: number;
    readonly dampening?: number;
    readonly nesterov?: boolean;
  };
  readonly scale: number;
  readonly clipNorm: number | null;
  readonly schedule: 'linear' | 'cosine' | null;
  readonly after: Readonly<Record<string, { readonly weight: number[]; readonly bias: number[] }>>;
  readonly gradNormsOfFirstSteps?: number[];
}

const kinds = { SGD, Adam, AdamW };
const schedules = { linear: linearSchedule, cosine: cosineSchedule };

/** The gradients of the fixture: see its `_meta`. */
function setGradients(parameters: readonly Parameter[], step: number, scale: number): void {
  parameters.forEach(({ gradient }, k) => {
    gradient.data.forEach((_, i) => {
      const wave = scale * Math.sin(0.7 * i + 0.31 * step + 1.9 * k);
      gradient.data[i] = wave + (scale >= 1e-3 ? 0.05 * Math.cos(0.11 * i * step) : 0);
    });
  });
}

function parametersAtStart(): [weight: Parameter, bias: Parameter] {
  return [
    new Parameter([3, 4], (data) => data.set(fixture.start.weight)),
    new Parameter([4], (data) => data.set(fixture.start.bias)),
  ];
}

function make(row: Row, parameters: Iterable<Parameter>): Optimizer {
  const { lr, eps, ...rest } = row.options;
  return new kinds[row.optimizer](parameters, { ...rest, learningRate: lr, epsilon: eps });
}

function stepOf(row: Row, optimizer: Optimizer, parameters: readonly Parameter[], step: number): number | undefined {
  setGradients(parameters, step, row.scale);
  if (row.schedule !== null) {
    optimizer.setLearningRates(schedules[row.schedule](step - 1, { warmupSteps: 10, totalSteps: 100 }));
  }
  return optimizer.step(row.clipNorm === null ? {} : { maxGradNorm: row.clipNorm }).gradNorm;
}

const rows = fixture.rows as unknown as Row[];

// 100 recorded steps of torch.optim in float32: test/fixtures/torch/record.py optim.
describe('optimizers against PyTorch', () => {
  it.each(rows)('$optimizer, $name', (row) => {
    const parameters = parametersAtStart();
    const optimizer = make(row, parameters);
    const norms: (number | undefined)[] = [];
    for (let step = 1; step <= 100; step++) {
      norms.push(stepOf(row, optimizer, parameters, step));
      const expected = row.after[step];
      if (expected === undefined) continue;
      [expected.weight, expected.bias].forEach((values, k) => {
        values.forEach((value, i) => {
          expect(Math.abs(parameters[k]!.storage.data[i]! - value)).toBeLessThan(1e-6 * Math.max(1, Math.abs(value)));
        });
      });
    }
    row.gradNormsOfFirstSteps?.forEach((norm, i) => expect(norms[i]! / norm).toBeCloseTo(1, 5));
    expect(optimizer.stepCount).toBe(100);
    optimizer.dispose();
  });

  it.each(rows)('$optimizer, $name: a loaded state goes on to the last bit', (row) => {
    const parameters = parametersAtStart();
    const first = make(row, parameters);
    for (let step = 1; step <= 5; step++) stepOf(row, first, parameters, step);
    const copies = parameters.map(({ shape, storage }) => new Parameter(shape, (data) => data.set(storage.data)));
    const state = first.stateDict();
    for (let step = 6; step <= 8; step++) stepOf(row, first, parameters, step);
    const second = make(row, copies);
    second.loadStateDict(state);
    for (let step = 6; step <= 8; step++) stepOf(row, second, copies, step);
    parameters.forEach(({ storage }, k) => expect([...copies[k]!.storage.data]).toEqual([...storage.data]));
    first.dispose();
    second.dispose();
  });
});

describe('an optimizer', () => {
  it('sweeps several blocks as one', () => {
    // Three blocks, the last one short; every element has the same history, so all must agree.
    const size = 2 * 32768 + 100;
    const large = new Parameter([size], (data) => data.fill(1));
    const small = new Parameter([1], (data) => data.fill(1));
    const [a, b] = [new AdamW([large]), new AdamW([small])];
    for (let step = 1; step <= 3; step++) {
      large.gradient.data.fill(step);
      small.gradient.data.fill(step * Math.sqrt(size));
      // Both have the gradient norm step * sqrt(size), which is clipped to the size that makes elements equal.
      expect(a.step({ maxGradNorm: Math.sqrt(size) }).gradNorm! / (step * Math.sqrt(size))).toBeCloseTo(1, 5);
      b.step({ maxGradNorm: 1 });
    }
    expect(new Set(large.storage.data).size).toBe(1);
    expect(large.storage.data[0]).toBeCloseTo(small.storage.data[0]!, 6);
    a.dispose();
    b.dispose();
  });

  it('clips over all groups together, each group with its own settings', () => {
    const [a, b] = [new Parameter([3]), new Parameter([2, 2])];
    const groups = [
      { parameters: [a], learningRate: 0.5 },
      { parameters: [b], weightDecay: 0.1 },
    ];
    const optimizer = new SGD(groups, { learningRate: 1 });
    a.gradient.data.fill(2);
    b.gradient.data.fill(1);
    b.set([1, 2, 3, 4]);
    // Norm sqrt(3 * 4 + 4) = 4, so gradients are halved to reach 2.
    const { gradNorm } = optimizer.step({ maxGradNorm: 2 });
    expect(gradNorm).toBeCloseTo(4, 6);
    for (const w of a.storage.data) expect(w).toBeCloseTo(-0.5, 6);
    [...b.storage.data].forEach((w, i) => expect(w).toBeCloseTo(i + 1 - 0.5 - 0.1 * (i + 1), 6));
    optimizer.setLearningRates(0.1);
    expect(optimizer.groups.map(({ learningRate }) => learningRate)).toEqual([0.05, 0.1]);
    optimizer.zeroGrad();
    expect([...a.gradient.data, ...b.gradient.data]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    optimizer.dispose();
  });

  it('never lets the clipped step exceed the norm, and leaves smaller gradients alone', () => {
    const p = new Parameter([5]);
    const optimizer = new SGD([p], { learningRate: 1 });
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 5, maxLength: 5 }),
        fc.double({ min: 0.01, max: 50, noNaN: true }),
        (gradient, maxGradNorm) => {
          p.set([0, 0, 0, 0, 0]);
          p.gradient.data.set(gradient);
          const norm = Math.hypot(...gradient);
          expect(optimizer.step({ maxGradNorm }).gradNorm! - norm).toBeLessThan(1e-5 * (1 + norm));
          const moved = Math.hypot(...p.storage.data);
          expect(Math.abs(moved - Math.min(norm, maxGradNorm))).toBeLessThan(1e-5 * (1 + maxGradNorm));
        },
      ),
    );
    optimizer.dispose();
  });

  it.each([NaN, Infinity])('changes nothing when the gradient norm is not finite (%d)', (bad) => {
    const p = new Parameter([3], (data) => data.fill(1));
    const optimizer = new AdamW([p]);
    p.gradient.data.set([1, bad, 1]);
    expect(Number.isFinite(optimizer.step({ maxGradNorm: 1 }).gradNorm)).toBe(false);
    expect([...p.storage.data]).toEqual([1, 1, 1]);
    expect(optimizer.stepCount).toBe(0);
    optimizer.dispose();
  });

  it('leaves frozen parameters alone', () => {
    const [a, b] = [new Parameter([2]), new Parameter([2])];
    b.frozen = true;
    const optimizer = new SGD([a, b], { learningRate: 1 });
    a.gradient.data.fill(1);
    b.gradient.data.fill(1);
    optimizer.step();
    expect([...a.storage.data, ...b.storage.data]).toEqual([-1, -1, 0, 0]);
    optimizer.dispose();
  });

  it('says when its parameters have been taken away, and shares memory that is given to it', () => {
    const p = new Parameter([2]);
    const flat = new FlatParameters([p]);
    const [a, b] = [new SGD(flat, { learningRate: 1 }), new SGD(flat, { learningRate: 1 })];
    p.gradient.data.fill(1);
    a.step();
    b.step();
    expect([...p.storage.data]).toEqual([-2, -2]);
    const thief = new SGD([p]);
    expect(() => a.step()).toThrow("is no longer in this optimizer's memory");
    for (const optimizer of [a, b, thief]) optimizer.dispose();
  });

  it('refuses what cannot be meant', () => {
    const p = new Parameter([2]);
    expect(() => new AdamW([])).toThrow('AdamW was given no parameters to train');
    expect(() => new AdamW([{ parameters: [p] }, { parameters: [p] }])).toThrow('is in two groups');
    expect(() => new Adam([p], { learningRate: -1 })).toThrow('learningRate is -1');
    expect(() => new Adam([p], { betas: [1, 0.9] })).toThrow('betas[0] is 1, but must be 0 or more and below 1');
    expect(() => new SGD([p], { nesterov: true })).toThrow('nesterov needs momentum');
    const optimizer = new SGD([p]);
    expect(() => optimizer.step({ maxGradNorm: 0 })).toThrow('maxGradNorm is 0');
    optimizer.dispose();
  });

  it('refuses a state that does not fit, naming all of it', () => {
    const p = new Parameter([2]);
    const optimizer = new Adam([p]);
    const moments = new Map([
      ['groups.0.parameters.0.expAvg', { shape: [3], data: new Float32Array(3) }],
      ['groups.1.parameters.0.expAvg', { shape: [2], data: new Float32Array(2) }],
    ]);
    expect(() => optimizer.loadStateDict({ stepCount: 1, learningRates: [], moments })).toThrow(
      'this state does not fit Adam, which was left as it is:\n' +
        '  there are learning rates for 0 groups, not 1\n' +
        '  misshapen: groups.0.parameters.0.expAvg has shape [3], not [2]\n' +
        '  missing: groups.0.parameters.0.expAvgSq [2]\n' +
        '  extra: groups.1.parameters.0.expAvg [2]',
    );
    expect(optimizer.stepCount).toBe(0);
    optimizer.dispose();
  });
});
