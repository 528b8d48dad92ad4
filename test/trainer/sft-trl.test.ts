// Runs of TRL's SFTTrainer, recorded by test/fixtures/sft/record.py: the same tokens, and at each step the same loss, norm of the
// gradients and learning rate.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fromConfig, type RawConfig, Tokenizer } from '../../src/lm/index.ts';
import { trainSft, type TrainSftOptions } from '../../src/trainer/index.ts';
import { readSftData } from '../../src/trainer/sft-data.ts';
import { resolveSftOptions } from '../../src/trainer/sft-settings.ts';
import { fill } from '../lm/recorded.ts';
import { temporaryDirectory } from './tiny-run.ts';

interface Recorded {
  readonly chatTemplate: string;
  readonly runs: Readonly<
    Record<
      string,
      {
        readonly config: RawConfig;
        readonly rows: readonly object[];
        readonly ids: readonly (readonly number[])[];
        readonly steps: readonly { readonly loss: number; readonly gradNorm: number; readonly learningRate: number }[];
      }
    >
  >;
}

const fixtures = new URL('../fixtures/', import.meta.url);
const { chatTemplate, runs } = JSON.parse(readFileSync(new URL('sft/runs.json', fixtures), 'utf8')) as Recorded;
const root = temporaryDirectory();

const SETTINGS: Readonly<Record<string, Partial<TrainSftOptions>>> = {
  'prompt and completion': { warmupSteps: 2 },
  'prompt and completion, in two batches a step': {
    batchSize: 2,
    gradientAccumulation: 2,
    lrSchedule: 'constant',
    weightDecay: 0.1,
  },
  'prompts learned too': { completionOnly: false, lrSchedule: 'cosine' },
  chats: { maxGradNorm: 0.5 },
  'texts, cut': { maxLength: 12, warn: () => undefined },
};

describe.each(Object.keys(runs))('%s', (name) => {
  const { config, rows, ids, steps } = runs[name]!;

  async function optionsOf(more: Partial<TrainSftOptions>): Promise<TrainSftOptions> {
    const tokenizer = await Tokenizer.fromPretrained(fileURLToPath(new URL('tokenizers/gpt2', fixtures)));
    tokenizer.chatTemplate = chatTemplate;
    const model = fill(fromConfig(config));
    for (const parameter of model.parameters()) parameter.set(parameter.storage.data.map((x) => x * 0.25));
    return {
      model,
      tokenizer,
      dataset: rows,
      maxSteps: 5,
      batchSize: rows.length,
      learningRate: 1e-2,
      seed: 0,
      savePath: root,
      runDirectory: null,
      ...SETTINGS[name],
      ...more,
    };
  }

  test('the tokens', async () => {
    const options = await optionsOf({});
    const { train } = await readSftData(options, resolveSftOptions(options, 0));
    expect(train.map((example) => [...example.ids])).toEqual(ids);
  });

  test.each([false, true])('every step, packing: %s', async (packing) => {
    const { metrics } = await trainSft(await optionsOf({ packing }));
    expect(metrics).toHaveLength(steps.length);
    steps.forEach((step, i) => {
      expect(metrics[i]!['learningRate']).toBeCloseTo(step.learningRate, 10);
      expect(Math.abs(metrics[i]!['loss']! / step.loss - 1)).toBeLessThan(1e-5);
      expect(Math.abs(metrics[i]!['gradNorm']! / step.gradNorm - 1)).toBeLessThan(1e-3);
    });
  });
});
