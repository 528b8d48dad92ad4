// Runs of TRL's DPOTrainer, recorded by test/fixtures/dpo/record.py: at each step the same loss, norm of the gradients, learning rate,
// rewards, log-probabilities, entropy, logits and accuracy.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { applyLora, type CausalLM, fromConfig, type RawConfig, Tokenizer } from '../../src/lm/index.ts';
import { trainDpo, type TrainDpoOptions } from '../../src/trainer/index.ts';
import { fill, formula } from '../lm/recorded.ts';
import { temporaryDirectory } from './tiny-run.ts';

interface Recorded {
  readonly chatTemplate: string;
  readonly runs: Readonly<
    Record<
      string,
      {
        readonly config: RawConfig;
        readonly rows: readonly object[];
        readonly steps: readonly Readonly<Record<string, number>>[];
      }
    >
  >;
}

const fixtures = new URL('../fixtures/', import.meta.url);
const { chatTemplate, runs } = JSON.parse(readFileSync(new URL('dpo/runs.json', fixtures), 'utf8')) as Recorded;
const root = temporaryDirectory();

const SETTINGS: Readonly<Record<string, Partial<TrainDpoOptions>>> = {
  sigmoid: { lrSchedule: 'linear', warmupSteps: 2 },
  hinge: { lossType: 'hinge', beta: 0.05 },
  ipo: { lossType: 'ipo', beta: 0.2, batchSize: 2, gradientAccumulation: 2 },
  robust: { lossType: 'robust', labelSmoothing: 0.1, weightDecay: 0.1 },
  'sigmoid, smoothed': { labelSmoothing: 0.2, beta: 0.5 },
  'sigmoid, chats': { maxGradNorm: 0.5 },
  'sigmoid, cut': { maxLength: 12, warn: () => undefined },
  'sigmoid, adapters': {},
};

/** With adapters, the reference is the model without. */
function withAdapters(model: CausalLM): CausalLM {
  applyLora(model, { r: 2, alpha: 4 }, { seed: 0 });
  const adapters = [...model.namedParameters()].filter(([name]) => name.includes('.lora_'));
  adapters.sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [index, [, parameter]] of adapters.entries()) parameter.set(formula(index, parameter.size, false));
  return model;
}

describe.each(Object.keys(runs))('%s', (name) => {
  const { config, rows, steps } = runs[name]!;

  function modelOf(scale: number): CausalLM {
    const model = fill(fromConfig(config));
    for (const parameter of model.parameters()) parameter.set(parameter.storage.data.map((x) => x * scale));
    return model;
  }

  test('every step', async () => {
    const tokenizer = await Tokenizer.fromPretrained(fileURLToPath(new URL('tokenizers/gpt2', fixtures)));
    tokenizer.chatTemplate = chatTemplate;
    const { metrics } = await trainDpo({
      ...(name.includes('adapters')
        ? { model: withAdapters(modelOf(0.25)) }
        : { model: modelOf(0.25), referenceModel: modelOf(0.2) }),
      tokenizer,
      dataset: rows,
      maxSteps: 5,
      batchSize: rows.length,
      learningRate: 1e-2,
      lrSchedule: 'constant',
      seed: 0,
      savePath: root,
      runDirectory: null,
      ...SETTINGS[name],
    });
    expect(metrics).toHaveLength(steps.length);
    steps.forEach((step, i) => {
      for (const [metric, value] of Object.entries(step)) {
        const far = Math.abs(metrics[i]![metric]! - value) / Math.max(1e-2, Math.abs(value));
        expect(far, `${metric} of step ${i}, ${value}`).toBeLessThan(metric === 'gradNorm' ? 1e-3 : 2e-4);
      }
    });
  });
});
