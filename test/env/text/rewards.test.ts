import { describe, expect, it } from 'vitest';
import {
  distanceReward,
  exactMatch,
  extractAnswer,
  formatReward,
  guardedReward,
  lengthShaping,
  parseNumber,
  repetitionPenalty,
  type RewardContext,
  RewardError,
  type RewardFunction,
  symbolicEquality,
  weightedSum,
  withTimeout,
} from '../../../src/env/text/index.ts';

const context = (changes: Partial<RewardContext> = {}): RewardContext => ({
  question: '5+7=',
  answer: '12',
  prompt: '5+7=',
  generatedTokens: 10,
  maxGeneration: 100,
  truncated: false,
  ...changes,
});
const tagged = (answer: string): string => `<think>so</think><final_answer>${answer}</final_answer>`;

describe('answers', () => {
  it.each([
    ['12', 12],
    [' -3.50 ', -3.5],
    ['+4', 4],
    ['.5', 0.5],
    ['1,234,567.8', 1234567.8],
    ['$40', 40],
    ['-$1,000', -1000],
    ['12.', 12],
    ['3/4', 0.75],
    ['-6 / 8', -0.75],
    ['1e3', 1000],
    ['−7', -7],
  ])('%s is a number', (text, value) => {
    expect(parseNumber(text)).toBe(value);
  });

  it.each(['', 'x', '1,23', '1 2', '1/0', '1/2/3', '0x10', 'Infinity', 'NaN', '1e999', '5 apples', '--1', '1/'])(
    '%s is none',
    (text) => {
      expect(parseNumber(text)).toBeNaN();
    },
  );

  it('stand in the last complete pair of tags', () => {
    expect(extractAnswer('<final_answer>1</final_answer> no, <final_answer> 2 </final_answer>')).toBe('2');
    expect(extractAnswer('<final_answer>1</final_answer><final_answer>2')).toBe('1');
    expect(extractAnswer('</final_answer><final_answer>')).toBeNull();
  });
});

describe('distanceReward', () => {
  it('does not measure from what is no number', () => {
    expect(() => distanceReward(tagged('12'), context({ answer: 'x+1' }))).toThrow(/"x\+1" is no number/);
  });

  it('is never -0', () => {
    expect(Object.is(distanceReward(tagged('12'), context()), 0)).toBe(true);
  });
});

it('exactMatch compares numbers as numbers and texts as texts', () => {
  const rate = (answer: string, right: string) => exactMatch(tagged(answer), context({ answer: right }));
  expect(rate('12.0', '12')).toBe(1);
  expect(rate('0.1', '1/10')).toBe(1);
  expect(rate('12.001', '12')).toBe(0);
  expect(rate('New  York', 'new york')).toBe(1);
  expect(rate('', '')).toBe(0);
});

describe('formatReward', () => {
  it.each([
    ['<think>a</think><final_answer>1</final_answer>', 1],
    [' <think>\na\n</think>\n\n<final_answer>1</final_answer>\n', 1],
    ['<think></think><final_answer>1</final_answer>', 0],
    ['<think>a</think><final_answer></final_answer>', 0],
    ['<think>a</think><final_answer>1</final_answer>!', 0],
    ['well <think>a</think><final_answer>1</final_answer>', 0],
    ['<think>a</think> so <final_answer>1</final_answer>', 0],
    ['<think>a<think>b</think><final_answer>1</final_answer>', 0],
    ['<final_answer>1</final_answer><think>a</think>', 0],
    ['<think>a</think>', 0],
  ])('rates %s with %d', (completion, reward) => {
    expect(formatReward(completion, context())).toBe(reward);
  });

  it('sees what the prompt has opened', () => {
    const completion = 'a</think><final_answer>1</final_answer>';
    expect(formatReward(completion, context())).toBe(0);
    expect(formatReward(completion, context({ prompt: '5+7=\n<think>\n' }))).toBe(1);
  });
});

describe('lengthShaping', () => {
  it('punishes what is overlong as DAPO does', () => {
    // arXiv 2503.14476, equation 13, with the paper's 20480 and 4096: 0 up to 16384, then (16384 - length) / 4096.
    const rate = lengthShaping({ shape: 'softOverlong', maxLength: 20480, cacheLength: 4096 });
    const at = (generatedTokens: number) => rate('', context({ generatedTokens }));
    expect([at(0), at(16384), at(17408), at(18432), at(20480), at(30000)]).toEqual([0, 0, -0.25, -0.5, -1, -1]);
    const own = lengthShaping({ shape: 'softOverlong' });
    expect(own('', context({ generatedTokens: 90, maxGeneration: 100 }))).toBe(-0.5);
  });

  it('follows a cosine', () => {
    // arXiv 2502.03373: right answers from 2 to 1, wrong ones from -10 to 0, -10 for what was cut off.
    const rate = lengthShaping({ shape: 'cosine', maxLength: 100 });
    const at = (generatedTokens: number, answer: string, truncated = false) =>
      rate(tagged(answer), context({ generatedTokens, truncated }));
    expect([at(0, '12'), at(100, '12'), at(0, '1'), at(100, '1'), at(50, '12', true)]).toEqual([2, 1, -10, 0, -10]);
    expect(at(50, '12')).toBeCloseTo(1.5);
    // A third of the way: (1 + cos 60 degrees) / 2 = 3/4 of the way is left.
    expect(at(100 / 3, '1')).toBeCloseTo(-7.5);
  });
});

it('repetitionPenalty counts phrases that were said before', () => {
  const rate = (text: string, ngramSize = 2) => repetitionPenalty({ ngramSize, maxPenalty: -1 })(text, context());
  expect(rate('one two three four')).toBe(0);
  // a b, b a, a b, b a, a b: two different of five.
  expect(rate('a b a b A b')).toBeCloseTo(-0.6);
  expect(rate('a', 2)).toBe(0);
  expect(Object.is(rate(''), 0)).toBe(true);
});

describe('combined rewards', () => {
  const two: RewardFunction = () => 2;
  const later: RewardFunction = async () => 3;

  it('are summed with weights, at once if they can', async () => {
    expect(
      weightedSum([
        [two, 1.5],
        [exactMatch, -1],
      ])(tagged('12'), context()),
    ).toBe(2);
    expect(
      await weightedSum([
        [two, 1],
        [later, 10],
      ])('', context()),
    ).toBe(32);
    expect(() => weightedSum([])).toThrow(/at least one/);
    expect(() => weightedSum([[two, Number.NaN]])).toThrow(/weight of two is NaN/);
  });

  it('name the part that fails', () => {
    const broken: RewardFunction = () => Number.NaN;
    expect(() =>
      weightedSum([
        [two, 1],
        [broken, 1],
      ])('some text', context()),
    ).toThrow(/^reward broken: it gave NaN, which is no finite number; the completion was "some text"$/);
  });

  it('are given up after a time', async () => {
    const slow: RewardFunction = () => new Promise((resolve) => setTimeout(resolve, 1000, 1));
    await expect(withTimeout(slow, 5)('x', context())).rejects.toThrow(/reward slow: it took longer than 5 ms/);
    expect(await withTimeout(later, 1000)('x', context())).toBe(3);
    expect(withTimeout(two, 1000)('x', context())).toBe(2);
    const rejecting: RewardFunction = async () => {
      throw new TypeError('odd');
    };
    await expect(withTimeout(rejecting, 1000)('x', context())).rejects.toThrow(TypeError);
  });
});

describe('guardedReward', () => {
  it('turns every failure into a RewardError', async () => {
    const failures: RewardFunction[] = [
      () => 'high' as unknown as number,
      () => undefined as unknown as number,
      async () => Number.POSITIVE_INFINITY,
      async () => {
        throw new Error('offline');
      },
    ];
    for (const reward of failures) {
      await expect(async () => guardedReward(reward)('text', context())).rejects.toThrow(RewardError);
    }
  });

  it('keeps what was thrown, and the text that it was about', () => {
    const cause = new Error('inner');
    const failing: RewardFunction = () => {
      throw cause;
    };
    try {
      void guardedReward(failing)('text', context());
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: 'RewardError', rewardName: 'failing', completion: 'text', cause });
    }
  });
});

describe('symbolicEquality', () => {
  const rate = symbolicEquality({ timeoutMs: 5000 });
  const equal = (answer: string, right: string) => rate(tagged(answer), context({ answer: right }));

  it.each([
    ['\\frac{1}{2}', '0.5'],
    ['1/2', '\\dfrac{1}{2}'],
    ['2\\sqrt{2}', '\\sqrt{8}'],
    ['(x+1)^2', 'x^2+2x+1'],
    ['x = 5', '5'],
    ['\\boxed{7}', '7'],
    ['$3\\pi$', '3\\pi'],
    ['\\(1,000\\)', '1000'],
    ['\\sin^2 x + \\cos^2 x', '1'],
    ['\\{1,2\\}', '\\{2,1\\}'],
  ])('%s is %s', async (answer, right) => {
    expect(await equal(answer, right)).toBe(1);
  });

  it.each([
    ['3\\pi', '9.42'],
    ['x+1', 'x+2'],
    ['a+b', 'a-b'],
    ['5', '6'],
    ['5 apples', '5'],
    ['\\frac{', '1'],
    ['', '1'],
    ['1'.repeat(600), '1'],
  ])('%s is not %s', async (answer, right) => {
    expect(await equal(answer, right)).toBe(0);
  });

  it('gives up on what would take for ever, and goes on', async () => {
    const hasty = symbolicEquality({ timeoutMs: 300 });
    expect(await hasty(tagged('99999999^{99999999}'), context({ answer: 'x' }))).toBe(0);
    expect(await Promise.all([equal('\\sqrt{8}', '2\\sqrt{2}'), equal('\\sqrt{9}', 'x')])).toEqual([1, 0]);
  });
});
