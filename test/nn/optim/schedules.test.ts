import { describe, expect, it } from 'vitest';
import { constantSchedule, cosineSchedule, linearSchedule } from '../../../src/nn/index.ts';
import fixture from '../../fixtures/torch/schedules.json' with { type: 'json' };

const schedules = { constant: constantSchedule, linear: linearSchedule, cosine: cosineSchedule };

// Multipliers of transformers' schedules: test/fixtures/torch/record.py schedules.
describe('schedules against transformers', () => {
  it.each(fixture.rows)('$schedule $options', ({ schedule, options, multipliers }) => {
    const ours = schedules[schedule as keyof typeof schedules];
    multipliers.forEach((expected, step) => {
      expect(ours(step, options as { totalSteps: number })).toBeCloseTo(expected, 12);
    });
  });

  it('stay at 0 after the last step', () => {
    const options = { totalSteps: 10, warmupSteps: 10 };
    for (const schedule of [linearSchedule, cosineSchedule]) {
      expect([schedule(5, options), schedule(10, options), schedule(25, options)]).toEqual([0.5, 0, 0]);
    }
  });
});
