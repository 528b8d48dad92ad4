import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gradientAssignments, Parameter } from '../../src/nn/index.ts';
import { compile } from '../../src/runtime/index.ts';
import { Bernoulli, Categorical, DiagonalGaussian, type Distribution, MultiCategorical } from '../../src/rl/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { expectClose, recorded } from './recorded.ts';

interface Recorded {
  readonly distribution: string;
  readonly parameters: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>
  >;
  readonly actions: readonly number[];
  readonly logProb: readonly number[];
  readonly entropy: readonly number[];
  readonly gradOfSummedLogProb: Readonly<Record<string, readonly number[]>>;
  readonly gradOfSummedEntropy: Readonly<Record<string, readonly number[]>>;
}

const build: Readonly<Record<string, (parameters: readonly Parameter[]) => Distribution>> = {
  categorical: ([logits]) => new Categorical(logits!),
  'diagonal gaussian': ([mean, logStd]) => new DiagonalGaussian(mean!, logStd!),
  bernoulli: ([logits]) => new Bernoulli(logits!),
};

// test/fixtures/torch/ppo.json: torch.distributions in float64.
describe('as torch.distributions', () => {
  test.each(recorded<{ distributions: Recorded[] }>('ppo').distributions)('$distribution, logProb $logProb', (row) => {
    const names = Object.keys(row.parameters);
    const parameters = names.map((name) => {
      const { shape, data } = row.parameters[name]!;
      const parameter = new Parameter(shape);
      parameter.set(data);
      return parameter;
    });
    const gaussian = row.distribution === 'diagonal gaussian';
    const perRow = row.distribution === 'categorical' ? [] : [parameters[0]!.shape[1]!];
    const actions = tensor(gaussian ? Float32Array.from(row.actions) : Int32Array.from(row.actions), {
      shape: [row.logProb.length, ...perRow],
    });
    for (const [method, expected, grads] of [
      ['logProb', row.logProb, row.gradOfSummedLogProb],
      ['entropy', row.entropy, row.gradOfSummedEntropy],
    ] as const) {
      const program = compile(() => {
        const each = build[row.distribution]!(parameters)[method](actions);
        return { each, gradients: gradientAssignments(each.sum(), parameters) };
      });
      expectClose(program().each.dataSync(), expected, 2e-6, method);
      names.forEach((name, i) => {
        expectClose(parameters[i]!.gradient.data, grads[name]!, 2e-6, `gradient of ${method} to ${name}`);
      });
    }
  });
});

test('several choices are the sum of each by itself', () => {
  const counts = [2, 3, 4];
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 18, maxLength: 18 }),
      fc.tuple(...counts.map((count) => fc.tuple(fc.nat(count - 1), fc.nat(count - 1)))),
      (elements, chosen) => {
        const logits = tensor(Float32Array.from(elements), { shape: [2, 9] });
        const actions = tensor(
          [0, 1].map((row) => chosen.map((choice) => choice[row]!)),
          { dtype: 'int32' },
        );
        const all = new MultiCategorical(logits, counts);
        const sums = [0, 0];
        const entropies = [0, 0];
        let start = 0;
        counts.forEach((count, k) => {
          for (const row of [0, 1]) {
            // In float64, from the definition.
            const own = elements.slice(9 * row + start, 9 * row + start + count);
            const largest = Math.max(...own);
            const total = largest + Math.log(own.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
            sums[row]! += own[chosen[k]![row]!]! - total;
            for (const logit of own) entropies[row]! -= Math.exp(logit - total) * (logit - total);
          }
          start += count;
        });
        expectClose(all.logProb(actions).dataSync(), sums, 1e-5, 'logProb');
        expectClose(all.entropy().dataSync(), entropies, 1e-5, 'entropy');
      },
    ),
    { numRuns: 25 },
  );
});

test('a Bernoulli has a gradient where it is undecided', () => {
  // d/dl log sigmoid(l) = 1 - sigmoid(l) = 1/2 at 0: formulas with |l| would say 0 or 1.
  const logits = new Parameter([1, 2]);
  compile(() =>
    gradientAssignments(new Bernoulli(logits).logProb(tensor([[1, 0]], { dtype: 'int32' })).sum(), [logits]),
  )();
  expect([...logits.gradient.data]).toEqual([0.5, -0.5]);
});

test('a Gaussian takes a deviation for each row, or one for all', () => {
  const mean = tensor([
    [0, 1],
    [2, 3],
  ]);
  const actions = tensor([
    [0.5, 1],
    [1, 3.5],
  ]);
  const one = new DiagonalGaussian(mean, tensor([0.1, -0.2]));
  const each = new DiagonalGaussian(
    mean,
    tensor([
      [0.1, -0.2],
      [0.1, -0.2],
    ]),
  );
  expectClose(each.logProb(actions).dataSync(), one.logProb(actions).dataSync(), 1e-7);
  expectClose(each.entropy().dataSync(), one.entropy().dataSync(), 1e-7);
  // The entropy of a normal distribution is log(sigma) + log(2 pi e) / 2.
  expectClose(
    one.entropy().dataSync(),
    [1, 1].map((x) => -0.1 + Math.log(2 * Math.PI * Math.E) * x),
    1e-6,
  );
});
