import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KlController, type KlEstimator, klEstimators, whiten } from '../../../../src/env/text/index.ts';
import { expectClose, recorded } from '../../../rl/recorded.ts';
import type { RecordedRlhf } from '../../../rl/recorded-rlhf.ts';

const record = recorded<RecordedRlhf>('rlhf');

describe('the divergence of a token', () => {
  // test/fixtures/torch/rlhf.json: the trainer's formulas in float64.
  test.each(record.cases)('$klEstimator', ({ klEstimator, kl }) => {
    const estimate = klEstimators[klEstimator];
    const found = record.oldLogProbs.map((p, i) => estimate(p, record.referenceLogProbs[i]!));
    expectClose(found, kl, 1e-11, klEstimator);
  });

  // Over all tokens, k1 and k3 have the divergence as their mean, exactly; k2 has it to second order.
  test('is right on average', () => {
    const probabilities = fc
      .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 })
      .map((weights) => weights.map((w) => w / weights.reduce((a, b) => a + b)));
    fc.assert(
      fc.property(probabilities, probabilities, (p, q) => {
        const mean = (name: KlEstimator, of = q): number =>
          p.reduce((sum, w, i) => sum + w * klEstimators[name](Math.log(w), Math.log(of[i]!)), 0);
        const exact = p.reduce((sum, w, i) => sum + w * (Math.log(w) - Math.log(q[i]!)), 0);
        expect(mean('k1')).toBeCloseTo(exact, 10);
        expect(mean('k3')).toBeCloseTo(exact, 10);
        const near = p.map((w, i) => w + 1e-3 * (q[i]! - w));
        expect(Math.abs(mean('k2', near) - mean('k1', near))).toBeLessThan(1e-5);
        for (const [i, w] of p.entries()) {
          expect(klEstimators.k2(Math.log(w), Math.log(q[i]!))).toBeGreaterThanOrEqual(0);
          expect(klEstimators.k3(Math.log(w), Math.log(q[i]!))).toBeGreaterThanOrEqual(-1e-15);
        }
      }),
    );
  });

  test('of what is equally likely is 0', () => {
    for (const estimate of Object.values(klEstimators)) expect(estimate(-1.5, -1.5)).toBe(0);
  });
});

describe('KlController', () => {
  // The formula of lm-human-preferences, recorded in rlhf.json.
  test('adapts as OpenAI does', () => {
    const { updates, ...setting } = record.controller;
    const controller = new KlController(setting);
    for (const { kl, episodes, coef } of updates) {
      controller.update(kl, episodes);
      expect(controller.coef).toBeCloseTo(coef, 13);
    }
  });

  test('holds a number that is fixed', () => {
    const controller = new KlController(0.1);
    controller.update(100, 1000);
    expect([controller.coef, controller.target]).toEqual([0.1, null]);
  });

  test('goes on from a state', () => {
    const [a, b] = [1, 2].map(() => new KlController({ initial: 0.2, target: 6, horizon: 100 })) as [
      KlController,
      KlController,
    ];
    a.update(9, 10);
    b.state = JSON.parse(JSON.stringify(a.state)) as typeof a.state;
    a.update(3, 20);
    b.update(3, 20);
    expect(b.coef).toBe(a.coef);
    expect(a.coef).not.toBe(0.2);
  });

  test('does not learn from what is no number', () => {
    const controller = new KlController({ initial: 0.1, target: 6, horizon: 100 });
    controller.update(Number.NaN, 10);
    expect(controller.coef).toBe(0.1);
    controller.update(Number.POSITIVE_INFINITY, 10);
    expect(controller.coef).toBeCloseTo(0.1 * 1.02, 12);
  });

  test('never turns its sign, whatever the batch', () => {
    const controller = new KlController({ initial: 0.2, target: 6, horizon: 10 });
    controller.update(0, 1000);
    expect(controller.coef).toBe(0);
  });

  test.each([
    [-1, 'klCoef is -1'],
    [Number.NaN, 'klCoef is NaN'],
    [{ initial: 0, target: 6, horizon: 100 }, 'klCoef.initial is 0, which never grows'],
    [{ initial: 0.1, target: 0, horizon: 100 }, 'klCoef.target is 0'],
    [{ initial: 0.1, target: 6, horizon: -1 }, 'klCoef.horizon is -1'],
    [
      { initial: 0.1, target: 6 } as { initial: number; target: number; horizon: number },
      'klCoef.horizon is undefined',
    ],
  ])('%o cannot be', (setting, message) => {
    expect(() => new KlController(setting)).toThrow(message);
  });
});

describe('whiten', () => {
  // TRL's masked_whiten(shift_mean=False), recorded.
  test.each(record.cases.filter(({ whitenRewards }) => whitenRewards))("is TRL's, of $klEstimator", (recordedCase) => {
    const { rewards, whitenedRewards } = recordedCase;
    expectClose(whiten(Float64Array.from(rewards), { shiftMean: false }), whitenedRewards, 1e-10, 'whitened');
  });

  test('gives deviation 1, and mean 0 or what it was', () => {
    const values = Float64Array.of(3, -1, 4, 10, -5);
    const moments = (x: Float64Array): [mean: number, deviation: number] => {
      const mean = x.reduce((a, b) => a + b) / x.length;
      return [mean, Math.sqrt(x.reduce((a, b) => a + (b - mean) ** 2, 0) / (x.length - 1))];
    };
    expectClose(moments(whiten(values)), [0, 1], 1e-9);
    expectClose(moments(whiten(values, { shiftMean: false })), [2.2, 1], 1e-9);
    expect(whiten(Float64Array.of(7))).toEqual(Float64Array.of(7));
  });
});
