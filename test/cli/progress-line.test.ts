import { describe, expect, test } from 'vitest';
import { clock, figure, grouped, sparkline } from '../../src/cli/format.ts';
import { ProgressLine } from '../../src/cli/progress-line.ts';
import type { TrainProgress } from '../../src/trainer/index.ts';

function screen(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

function at(seconds: number, progress: Partial<TrainProgress> = {}): TrainProgress {
  return {
    steps: 12_345,
    episodes: 10,
    updates: 3,
    fraction: 0.25,
    seconds,
    stepsPerSecond: 4_321.9,
    meanReturn: 21.37,
    meanLength: 21.37,
    runningReward: 5,
    ...progress,
  };
}

const total = { unit: 'steps', count: 49_380 } as const;

describe('on a terminal', () => {
  test('one line is drawn anew, ten times a second at most', () => {
    const stream = screen(true);
    const line = new ProgressLine(stream, total);
    for (let i = 1; i <= 100; i++) line.update(at(1 + i / 100));
    expect(stream.written.length).toBeGreaterThanOrEqual(9);
    expect(stream.written.length).toBeLessThanOrEqual(11);
    for (const text of stream.written) {
      expect(text.startsWith('\r')).toBe(true);
      expect(text).not.toContain('\n');
    }
    expect(stream.written[0]).toContain('12,345/49,380 steps  4,322/s  return 21.4  length 21.4  0:03 left');
  });

  test('the line never wraps', () => {
    const stream = screen(true, 40);
    const line = new ProgressLine(stream, total);
    for (let i = 1; i < 30; i++) line.update(at(i));
    for (const text of stream.written) expect(text.replace('\r', '').replace('\x1b[K', '').length).toBeLessThan(40);
  });

  test('is cleared for other text, once', () => {
    const stream = screen(true);
    const line = new ProgressLine(stream, total);
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
    const line = new ProgressLine(stream, total);
    for (let i = 1; i <= 300; i++) line.update(at(i / 10));
    expect(stream.written).toHaveLength(6);
    for (const text of stream.written) expect(text).toMatch(/^12,345\/49,380 steps .* left\n$/);
    line.clear();
    expect(stream.written).toHaveLength(6);
  });

  test('says nothing of what is not known yet', () => {
    const stream = screen(false);
    const line = new ProgressLine(stream, { unit: 'episodes', count: 100 });
    line.update(at(6, { episodes: 0, fraction: 0, meanReturn: null, meanLength: null }));
    expect(stream.written).toEqual(['0/100 episodes  4,322/s\n']);
  });
});

test('numbers as people read them', () => {
  expect(grouped(1234567)).toBe('1,234,567');
  expect([0, 7, 61, 3599.6, 3723].map(clock)).toEqual(['0:00', '0:07', '1:01', '1:00:00', '1:02:03']);
  expect([0.784, -0.5, 9.99, 10, -123.45].map(figure)).toEqual(['0.78', '-0.50', '9.99', '10.0', '-123.5']);
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline([3, 3])).toBe('▁▁');
});
