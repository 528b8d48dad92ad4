// The most memory that opening GPT-2 small takes, beside what its weights take as float32: from one file, and from 16-bit weights.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Benchmark } from './benchmark.ts';
import { modelFolder } from './language-model.ts';

// In a process of its own for each folder; `null` opens nothing, which is what the program itself takes.
const LOADED = `
const { fromPretrained, savePretrained } = await import('./src/lm/index.ts');
const [command, from, to] = process.argv.slice(1);
const started = performance.now();
const model = from === 'null' ? null : await fromPretrained(from);
const seconds = (performance.now() - started) / 1000;
if (command === 'convert') await savePretrained(model, to, { dtype: 'bfloat16' });
const weights = (model?.parameters() ?? []).reduce((sum, { size }) => sum + 4 * size, 0);
console.log(JSON.stringify({ peak: process.resourceUsage().maxRSS * 1024, weights, seconds }));
`;

function inProcess(...args: readonly string[]): {
  readonly peak: number;
  readonly weights: number;
  readonly seconds: number;
} {
  const flags = ['--import', 'tsx', '--input-type=module', '-e', LOADED, ...args];
  const output = execFileSync(process.execPath, flags, { encoding: 'utf8', cwd: join(import.meta.dirname, '..') });
  return JSON.parse(output) as ReturnType<typeof inProcess>;
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'float32',
      what: 'opening gpt2 (float32): peak memory above that of the program itself, in sizes of its weights',
      unit: '',
      better: 'lower',
      target: { kind: 'value', limit: 1.3 },
    },
    {
      key: 'bfloat16',
      what: 'the same from bfloat16',
      unit: '',
      better: 'lower',
      target: { kind: 'value', limit: 1.3 },
    },
    { key: 'seconds', what: 'opening gpt2 (float32)', unit: 's', better: 'lower' },
  ],
  peers: [],
  async measure() {
    const folder = await modelFolder('gpt2');
    const half = `${folder}-bfloat16`;
    inProcess('convert', folder, half);
    const own = inProcess('load', 'null').peak;
    const [whole, converted] = [inProcess('load', folder), inProcess('load', half)];
    return {
      float32: (whole.peak - own) / whole.weights,
      bfloat16: (converted.peak - own) / converted.weights,
      seconds: whole.seconds,
    };
  },
};
