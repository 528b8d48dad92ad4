import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gradientAssignments, Parameter } from '../../src/nn/index.ts';
import { Categorical } from '../../src/rl/index.ts';
import { surrogateLoss } from '../../src/rl/surrogate.ts';
import { explainedVariance, minibatchMeans } from '../../src/rl/update-totals.ts';
import { compile } from '../../src/runtime/index.ts';
import { full, tensor, type Tensor } from '../../src/tensor/index.ts';
import { expectClose, recorded } from './recorded.ts';

type Column = 'oldLogProbs' | 'advantages' | 'returns' | 'oldValues';

interface Recorded {
  readonly shapes: { readonly logits: readonly [rows: number, actions: number] };
  readonly inputs: Readonly<Record<Column | 'logits' | 'values' | 'actions', readonly number[]>>;
  readonly explainedVariance: number;
  readonly cases: readonly (Readonly<
    Record<'loss' | 'policyLoss' | 'valueLoss' | 'entropy' | 'approxKl' | 'oldApproxKl' | 'clipFraction', number>
  > & {
    readonly name: string;
    readonly config: {
      readonly clipCoef: number;
      readonly entropyCoef: number;
      readonly valueCoef: number;
      readonly clipValueLoss: boolean;
      readonly normalizeAdvantages: boolean;
    };
    readonly gradLogits: readonly number[];
    readonly gradValues: readonly number[];
  })[];
}

// test/fixtures/torch/ppo.json: the textbook's form of the loss in PyTorch, in float64.
describe('as PyTorch', () => {
  const { shapes, inputs, cases, explainedVariance: explained } = recorded<{ loss: Recorded }>('ppo').loss;
  const rows = shapes.logits[0];

  test.each(cases)('$name', ({ config, gradLogits, gradValues, ...expected }) => {
    const { clipCoef, entropyCoef, valueCoef, clipValueLoss } = config;
    const valueClip = clipValueLoss ? clipCoef : null;
    const advantages = config.normalizeAdvantages ? normalized(inputs.advantages) : inputs.advantages;
    const column = (values: readonly number[]): Float32Array => Float32Array.from(values);
    const columns = {
      oldLogProbs: column(inputs.oldLogProbs),
      advantages: column(advantages),
      limits: column(advantages.map((advantage) => advantage + clipCoef * Math.abs(advantage))),
      returns: column(inputs.returns),
      oldValues: column(inputs.oldValues),
    };
    const logits = new Parameter(shapes.logits);
    logits.set(inputs.logits);
    const values = new Parameter([rows]);
    values.set(inputs.values);
    const step = compile(() => {
      const distribution = new Categorical(logits);
      const evaluation = {
        logProbs: distribution.logProb(tensor(inputs.actions, { dtype: 'int32' })),
        entropies: distribution.entropy(),
        values,
      };
      const constants = Object.fromEntries(Object.entries(columns).map(([name, data]) => [name, tensor(data)]));
      const known = constants as Record<keyof typeof columns, Tensor>;
      const loss = surrogateLoss(
        { ...evaluation, ...known, referenceLogProbs: known.oldLogProbs, weights: full([rows], 1 / rows) },
        { valueClip, valueCoef, entropyCoef, klCoef: 0 },
      );
      return { ...evaluation, loss, gradients: gradientAssignments(loss, [logits, values]) };
    });
    const result = step();
    expect(result.loss.item()).toBeCloseTo(expected.loss, 6);
    expectClose(logits.gradient.data, gradLogits, 1e-7, 'gradient of the logits');
    expectClose(values.gradient.data, gradValues, 1e-7, 'gradient of the values');

    const seen = {
      logProbs: result.logProbs.dataSync() as Float32Array,
      entropies: result.entropies.dataSync() as Float32Array,
      values: values.storage.data,
      ...columns,
    };
    const weights = new Float32Array(rows).fill(1 / rows);
    const found = minibatchMeans({ ...seen, weights }, { epsLow: clipCoef, epsHigh: clipCoef }, valueClip);
    for (const [name, value] of Object.entries(found)) {
      if (name in expected) expect(value, name).toBeCloseTo(expected[name as 'loss'], 6);
    }
  });

  test('explained variance', () => {
    const [values, returns] = [Float32Array.from(inputs.oldValues), Float32Array.from(inputs.returns)];
    expect(explainedVariance(values, returns, new Uint8Array(rows).fill(1))).toBeCloseTo(explained, 6);
    // Rows that are not valid count for nothing, and equal returns have no variance to explain.
    const [more, longer] = [Float32Array.of(...values, 1e6), Float32Array.of(...returns, -1e6)];
    expect(explainedVariance(more, longer, new Uint8Array(rows + 1).fill(1, 0, rows))).toBeCloseTo(explained, 6);
    expect(explainedVariance(values, new Float32Array(rows).fill(3), new Uint8Array(rows).fill(1))).toBe(Number.NaN);
    expect(explainedVariance(returns, returns, new Uint8Array(rows).fill(1))).toBe(1);
  });
});

function normalized(x: readonly number[]): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const deviation = Math.sqrt(x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (x.length - 1));
  return x.map((value) => (value - mean) / (deviation + 1e-8));
}

describe('min(r A, A + eps |A|)', () => {
  const eighths = (min: number, max: number) => fc.integer({ min: 8 * min, max: 8 * max }).map((n) => n / 8);
  const cases = fc.array(fc.tuple(eighths(-3, 3), eighths(-4, 4)), { minLength: 1, maxLength: 8 });
  // Not on the grid that log ratios are from, so that no ratio is at the limit, where either gradient would do.
  const clips = fc.constantFrom(0.05, 0.1, 0.2, 0.5);

  test('is min(r A, clip(r, 1 - eps, 1 + eps) A), and so is its gradient', () => {
    fc.assert(
      fc.property(cases, clips, (rows, clip) => {
        const zero = tensor(rows.map(() => 0));
        const logProbs = new Parameter([rows.length]);
        logProbs.set(rows.map(([logRatio]) => logRatio));
        const advantages = tensor(rows.map(([, advantage]) => advantage));
        const limits = tensor(rows.map(([, advantage]) => advantage + clip * Math.abs(advantage)));
        const loss = compile(() => {
          const others = {
            entropies: zero,
            oldLogProbs: zero,
            returns: zero,
            oldValues: zero,
            referenceLogProbs: zero,
          };
          const weights = full([rows.length], 1);
          const total = surrogateLoss(
            { ...others, logProbs, advantages, limits, weights },
            { valueClip: null, valueCoef: 0, entropyCoef: 0, klCoef: 0 },
          );
          return { total, gradients: gradientAssignments(total, [logProbs]) };
        })().total.item();

        let expected = 0;
        const gradients = rows.map(([logRatio, advantage]) => {
          const ratio = Math.exp(logRatio);
          const held = Math.min(1 + clip, Math.max(1 - clip, ratio));
          expected -= Math.min(ratio * advantage, held * advantage);
          return ratio * advantage <= held * advantage ? -ratio * advantage : 0;
        });
        expectClose([loss], [expected], 1e-5);
        expectClose(logProbs.gradient.data, gradients, 1e-5);
      }),
      { numRuns: 50 },
    );
  });
});
