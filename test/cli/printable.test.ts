import { expect, test } from 'vitest';
import { printable } from '../../src/cli/printable.ts';

test('a terminal obeys nothing in a text; lines, tabs and all letters stay', () => {
  expect(printable('a\x1b[2J\x1b]52;c;ZXZpbA==\x07\rb\x9b31m\x7f')).toBe(
    'a\\x1b[2J\\x1b]52;c;ZXZpbA==\\x07\\x0db\\x9b31m\\x7f',
  );
  expect(printable('if (\u202e admin')).toBe('if (\\u202e admin');
  const text = 'two\n\tlines, ä 中 🙂 e\u0301 a\u200db';
  expect(printable(text)).toBe(text);
});
