// training.json and training.safetensors, by which runs of language models and on datasets go on. Tensors get a description that fits them:
// what is fuzzed shall not end at the checksum.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdamW, Linear } from '../../src/nn/index.ts';
import { checksumsOf } from '../../src/trainer/checksums.ts';
import { readExampleState, writeExampleCheckpoint } from '../../src/trainer/example-checkpoint.ts';
import { CheckpointError } from '../../src/trainer/index.ts';
import { loadTrained } from '../../src/trainer/training-files.ts';
import type { Target } from '../target.ts';

const plan = { rows: 4, epochs: 1, shuffle: true, name: 'tiny' };
const state = {
  seed: 1,
  plan,
  step: 2,
  tokens: 10,
  losses: [1, 0.5],
  evaluations: [{ step: 2, loss: 0.5 }],
  seconds: 1.5,
  told: null,
  skipped: 0,
  rows: { metrics: 100 },
  checkpoints: [{ name: 'sft_step_2', score: -1 }],
  extra: { gains: [1, 2] },
};
const module = new Linear(2, 2);
const optimizer = new AdamW(module.parameters(), { learningRate: 0.1 });
const FILES = ['training.json', 'training.safetensors'];
let written: readonly Uint8Array<ArrayBuffer>[] = [];
let path = '';

const target: Target = {
  words: [
    '"formatVersion":2',
    '"files":{}',
    '"../training.json"',
    '"crc32"',
    'weights.',
    'moments.',
    '"stepCount":1e400',
    '__proto__',
  ],
  refusals: [CheckpointError],
  async prepare(folder) {
    mkdirSync(folder, { recursive: true });
    path = join(folder, 'checkpoint');
    await writeExampleCheckpoint(path, {
      kind: 'sft',
      model: module,
      optimizer,
      state,
      best: undefined,
      saveModel: () => Promise.resolve(),
    });
    written = FILES.map((name) => Uint8Array.from(readFileSync(join(path, name))));
  },
  seeds: () => written,
  read(bytes) {
    const isState = bytes[0] === 0x7b;
    for (const [i, name] of FILES.entries())
      writeFileSync(join(path, name), isState === (i === 0) ? bytes : written[i]!);
    if (!isState) {
      const { [FILES[0]!]: _, ...files } = checksumsOf(path);
      const description = JSON.parse(Buffer.from(written[0]!).toString()) as object;
      writeFileSync(join(path, FILES[0]!), JSON.stringify({ ...description, files }));
    }
    readExampleState(path, 'sft', plan);
    loadTrained(path, { module, optimizer });
    if (module.weight.storage.data.length !== 4) throw new TypeError('a parameter has another length');
  },
};
export default target;
