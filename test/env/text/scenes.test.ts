import { describe, expect, test } from 'vitest';
import { descriptiveness, isScene, sceneSentences } from '../../../src/env/text/index.ts';

describe('sentences', () => {
  const sentences = sceneSentences({ count: 3000, seed: 3 });

  test('are different, of their world, and the same for the same seed', () => {
    expect(new Set(sentences).size).toBe(3000);
    expect(sentences.filter((text) => !isScene(text))).toEqual([]);
    expect(sceneSentences({ count: 50, seed: 3 })).toEqual(sentences.slice(0, 50));
    expect(sceneSentences({ count: 50, seed: 4 })).not.toEqual(sentences.slice(0, 50));
  });

  test('are of all degrees of description', () => {
    const scores = sentences.map(descriptiveness);
    expect([Math.min(...scores), Math.max(...scores)]).toEqual([0, expect.toBeOneOf([5.5, 5.75])]);
  });

  test('there are not any number of', () => {
    expect(() => sceneSentences({ count: 0 })).toThrow('count is 0');
    expect(() => sceneSentences({ count: 1e9 })).toThrow('count is 1000000000');
  });
});

test.each([
  ['Our fox slept.', 0],
  ['The hungry fox ran quickly.', 2],
  ['The hungry hungry fox ran.', 0],
  ['This cat sang in the garden.', 0.5],
  ['This cat sang at night.', 0.25],
  ['One proud grey owl waited calmly near our dark silent river before dawn.', 5.75],
  ['proud', 1],
  ['', 0],
])('%s is worth %d', (text, score) => {
  expect(descriptiveness(text)).toBe(score);
});

test.each([
  ['Our fox slept.', true],
  ['The hungry grey fox ran quickly across the quiet field at night.', true],
  ['our fox slept.', false],
  ['Our fox slept', false],
  ['Our slept.', false],
  ['The fox ran across quiet field.', false],
  ['The grey hungry proud fox ran.', false],
  ['Our fox slept. Our fox slept.', false],
])('%s: %s', (text, right) => {
  expect(isScene(text)).toBe(right);
});
