// A curve of shares in the terminal.

import { spread } from './format.ts';

const BARS = ' ▁▂▃▄▅▆▇█';
const HEIGHT = 5;
const WIDTH = 60;

/** Values from 0 to 1 as columns of blocks over time, with the shares at the left. */
export function chart(values: readonly number[]): string {
  const columns = spread(values, WIDTH);
  return Array.from({ length: HEIGHT }, (_, i) => {
    const floor = HEIGHT - 1 - i;
    const label = `${Math.round((100 * (floor + 1)) / HEIGHT)} %`.padStart(5);
    const cells = columns.map((value) => {
      const filled = Math.round((value * HEIGHT - floor) * (BARS.length - 1));
      return BARS[Math.min(BARS.length - 1, Math.max(0, filled))]!;
    });
    return `${label} |${cells.join('')}`.trimEnd();
  }).join('\n');
}
