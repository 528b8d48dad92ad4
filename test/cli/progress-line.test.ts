import { describe, expect, test } from 'vitest';
import { clock, figure, grouped, percent, sparkline } from '../../src/cli/format.ts';
import { agentProgress, countedProgress, exampleProgress, textProgress } from '../../src/cli/progress.ts';
import { type Progress, ProgressLine } from '../../src/cli/progress-line.ts';
import type { TrainProgress } from '../../src/trainer/index.ts';

function screen(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

const standing: TrainProgress = {
  steps: 12_345,
  episodes: 10,
  updates: 3,
  fraction: 0.25,
  seconds: 1,
  stepsPerSecond: 4_321.9,
  meanReturn: 21.37,
  meanLength: 21.37,
  runningReward: 5,
};
const total = { unit: 'steps', count: 49_380 } as const;

function at(seconds: number, progress: Partial<TrainProgress> = {}): Progress {
  return agentProgress({ ...standing, seconds, ...progress }, total);
}

describe('on a terminal', () => {
  test('what is no number leaves the curve as it was', () => {
    const stream = screen(true, 200);
    const line = new ProgressLine(stream);
    [1, 2, Number.NaN, 4].forEach((meanReturn, i) => line.update(at(1 + i, { meanReturn })));
    expect(stream.written.at(-1)).toContain(sparkline([1, 2, 4]));
  });

  test('one line is drawn anew, ten times a second at most', () => {
    const stream = screen(true);
    const line = new ProgressLine(stream);
    for (let i = 1; i <= 100; i++) line.update(at(1 + i / 100));
    expect(stream.written.length).toBeGreaterThanOrEqual(9);
    expect(stream.written.length).toBeLessThanOrEqual(11);
    for (const text of stream.written) {
      expect(text.startsWith('\r')).toBe(true);
      expect(text).not.toContain('\n');
    }
    expect(stream.written[0]).toContain('12,345/49,380 steps  4,322 steps/s  return 21.4  length 21.4  0:09 left');
  });

  test('the line never wraps', () => {
    const stream = screen(true, 40);
    const line = new ProgressLine(stream);
    for (let i = 1; i < 30; i++) line.update(at(i));
    for (const text of stream.written) expect(text.replace('\r', '').replace('\x1b[K', '').length).toBeLessThan(40);
  });

  test('is cleared for other text, once', () => {
    const stream = screen(true);
    const line = new ProgressLine(stream);
    line.clear();
    expect(stream.written).toEqual([]);
    line.update(at(1));
    line.clear();
    line.clear();
    expect(stream.written.slice(1)).toEqual(['\r\x1b[K']);
  });
});

describe('elsewhere', () => {
  test('a plain line every five seconds', () => {
    const stream = screen(false);
    const line = new ProgressLine(stream);
    for (let i = 1; i <= 300; i++) line.update(at(i / 10));
    expect(stream.written).toHaveLength(6);
    for (const text of stream.written) expect(text).toMatch(/^12,345\/49,380 steps .* left\n$/);
    line.clear();
    expect(stream.written).toHaveLength(6);
  });

  test('says nothing of what is not known yet', () => {
    const stream = screen(false);
    const line = new ProgressLine(stream);
    const nothing = { episodes: 0, fraction: 0, meanReturn: null, meanLength: null };
    line.update(agentProgress({ ...standing, seconds: 6, ...nothing }, { unit: 'episodes', count: 100 }));
    expect(stream.written).toEqual(['0/100 episodes  4,322 steps/s\n']);
  });
});

describe('all trainers have one form', () => {
  const drawn = (isTTY: boolean, progress: readonly Progress[], phase?: string): string => {
    const stream = screen(isTTY, 120);
    const line = new ProgressLine(stream, phase);
    for (const one of progress) line.update(one);
    return stream.written.at(-1)!.replaceAll('\x1b[K', '').trim();
  };
  const steps = (loss: number, seconds: number): Progress =>
    exampleProgress(
      { steps: 20, totalSteps: 100, epochs: 0.2, loss, evalLoss: 1.5, tokens: 8000, tokensPerSecond: 1600, seconds },
      0.25,
    );

  test('on a dataset: phase, count, rate, three numbers, time left, how the loss went', () => {
    // 8000 tokens in 20 steps, so 32,000 for the 80 that are left.
    expect(drawn(true, [steps(4, 1), steps(3, 2), steps(2, 3)], 'examples')).toBe(
      'examples: 20/100 steps  1,600 tokens/s  loss 2.0000  evaluated 1.5000  right 25.0 %  0:20 left  █▅▁',
    );
  });

  test('of texts', () => {
    const numbers = [['right', 0.5, percent] as const, ['rule', null, figure] as const];
    expect(drawn(false, [textProgress({ ...standing, seconds: 6 }, numbers)])).toBe(
      '10 texts (25.0 %)  4,322 tokens/s  right 50.0 %  0:09 left',
    );
  });

  test('of what is counted', () => {
    expect(drawn(false, [countedProgress(30, 120, 'problems', 6)])).toBe('30/120 problems  5 problems/s  0:18 left');
  });
});

test('numbers as people read them', () => {
  expect(grouped(1234567)).toBe('1,234,567');
  expect([0, 7, 61, 3599.6, 3723].map(clock)).toEqual(['0:00', '0:07', '1:01', '1:00:00', '1:02:03']);
  expect([0.784, -0.5, 9.99, 10, -123.45].map(figure)).toEqual(['0.78', '-0.50', '9.99', '10.0', '-123.5']);
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([3, 3])).toBe('▁▁');
});
