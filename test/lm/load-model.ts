// A process that loads the model in a folder and tells how many bytes it took at most, beyond what was resident before, for each byte of
// its float32 weights.

import { readFileSync } from 'node:fs';
import { fromPretrained } from '../../src/lm/index.ts';

function kilobytes(field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

const before = kilobytes('VmRSS');
const model = await fromPretrained(process.argv[2]!);
const peak = kilobytes('VmHWM');
const weights = model.parameters().reduce((sum, { size }) => sum + 4 * size, 0);
process.stdout.write(String(((peak - before) * 1024) / weights));
