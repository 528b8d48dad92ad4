// Loading a model takes little more memory than its weights.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fromConfig, savePretrained, type SaveOptions } from '../../src/lm/index.ts';

const root = mkdtempSync(join(tmpdir(), 'gymformer-memory-'));
afterAll(() => rmSync(root, { recursive: true }));
const tsx = join(import.meta.dirname, '../../node_modules/tsx/dist/esm/index.mjs');

// 64 million parameters: enough that what Node's own heap grows by meanwhile (some 10 MB, when it likes) does not count.
const model = fromConfig({ model_type: 'gpt2', vocab_size: 12_000, n_embd: 768, n_layer: 8, n_head: 8 }, { seed: 1 });

const cases: [string, SaveOptions][] = [
  ['float32', {}],
  ['bfloat16', { dtype: 'bfloat16' }],
  ['sharded', { maxShardBytes: 5e7 }],
];

test.skipIf(!existsSync('/proc/self/status')).each(cases)(
  '%s: at most 1.3 times the float32 weights',
  async (name, options) => {
    const folder = join(root, name);
    await savePretrained(model, folder, options);
    const script = join(import.meta.dirname, 'load-model.ts');
    const ratio = Number(execFileSync(process.execPath, ['--import', tsx, script, folder], { encoding: 'utf8' }));
    expect(ratio).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(1.3);
  },
  60_000,
);
