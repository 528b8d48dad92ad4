// Letters of seven rows of pixels: the same in Node and in every browser, whatever fonts there are.

import type { DrawingContext } from './drawing.ts';
import { drawSprite } from './sprites.ts';

const GLYPHS: Readonly<Record<string, string>> = {
  '0': '.###.|#...#|#..##|#.#.#|##..#|#...#|.###.',
  '1': '.#.|##.|.#.|.#.|.#.|.#.|###',
  '2': '.###.|#...#|....#|..##.|.#...|#....|#####',
  '3': '.###.|#...#|....#|..##.|....#|#...#|.###.',
  '4': '...##|..#.#|.#..#|#...#|#####|....#|....#',
  '5': '#####|#....|####.|....#|....#|#...#|.###.',
  '6': '..##.|.#...|#....|####.|#...#|#...#|.###.',
  '7': '#####|#...#|....#|...#.|..#..|..#..|..#..',
  '8': '.###.|#...#|#...#|.###.|#...#|#...#|.###.',
  '9': '.###.|#...#|#...#|.####|....#|...#.|.##..',
  ':': '.|#|#|.|.|#|#',
  A: '.###.|#...#|#...#|#####|#...#|#...#|#...#',
  D: '####.|#...#|#...#|#...#|#...#|#...#|####.',
  J: '....#|....#|....#|....#|....#|#...#|.###.',
  K: '#...#|#..#.|#.#..|##...|#.#..|#..#.|#...#',
  P: '####.|#...#|#...#|####.|#....|#....|#....',
  Q: '.###.|#...#|#...#|#...#|#.#.#|#..#.|.##.#',
  a: '.....|.....|.###.|....#|.####|#...#|.####',
  b: '#....|#....|#.##.|##..#|#...#|#...#|####.',
  c: '....|....|.###|#...|#...|#...|.###',
  e: '.....|.....|.###.|#...#|#####|#....|.###.',
  l: '#|#|#|#|#|#|#',
  r: '.....|.....|#.##.|##..#|#....|#....|#....',
  s: '.....|.....|.####|#....|.###.|....#|####.',
  u: '.....|.....|#...#|#...#|#...#|#..##|.##.#',
  y: '.....|.....|#...#|#...#|.####|....#|.###.',
  ' ': '..|..|..|..|..|..|..',
};

/** How wide a text is, in pixels, when one pixel of its letters is `pixel` wide. Letters that there are not take no room. */
export function textWidth(text: string, pixel: number): number {
  const columns = [...text].reduce((sum, letter) => sum + (GLYPHS[letter] ?? '').indexOf('|') + 1, -1);
  return Math.max(columns, 0) * pixel;
}

/** Writes a text with its top left corner at (x, y); each pixel of its letters is a square of `pixel` by `pixel`. */
export function drawText(
  context: DrawingContext,
  text: string,
  { x, y, pixel, color }: { x: number; y: number; pixel: number; color: string },
): void {
  let left = x;
  for (const letter of text) {
    const rows = (GLYPHS[letter] ?? '').split('|');
    drawSprite(context, { rows, colors: { '#': color } }, { x: left, y, pixel });
    left += (rows[0].length + 1) * pixel;
  }
}
