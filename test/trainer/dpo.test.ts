import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  applyLora,
  type CausalLM,
  chatmlTemplate,
  fromConfig,
  fromPretrained,
  generate,
  type PreferenceExample,
} from '../../src/lm/index.ts';
import { type DpoResult, trainDpo, type TrainDpoOptions } from '../../src/trainer/index.ts';
import { tokenizePairs } from '../../src/trainer/dpo-data.ts';
import { byteTokenizer, tinyGpt } from './sft-models.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));

const PAIRS = [
  { prompt: 'one ', chosen: 'yes', rejected: 'no' },
  { prompt: 'two three ', chosen: 'yes indeed', rejected: 'nothing' },
  { prompt: 'four ', chosen: 'yes', rejected: 'never ever' },
  { prompt: 'five ', chosen: 'yes', rejected: 'n' },
  { prompt: 'six seven ', chosen: 'yes and yes', rejected: 'no' },
  { prompt: 'eight ', chosen: 'yes', rejected: 'none' },
];

function tinyDpo(options: Partial<TrainDpoOptions> = {}): Promise<DpoResult> {
  return trainDpo({
    model: tinyGpt(),
    tokenizer: byteTokenizer(),
    dataset: PAIRS,
    maxSteps: 3,
    batchSize: 6,
    learningRate: 1e-3,
    lrSchedule: 'constant',
    seed: 5,
    runDirectory: null,
    savePath: fresh(),
    ...options,
  });
}

/** Adapters as after some training. */
function withAdapters(): CausalLM {
  const model = tinyGpt();
  applyLora(model, { r: 2 }, { seed: 1 });
  for (const [name, parameter] of model.namedParameters()) {
    if (name.includes('lora_B'))
      parameter.set(Float32Array.from({ length: parameter.size }, (_, i) => 3 * Math.sin(i)));
  }
  return model;
}

function largestDifference(a: CausalLM, b: CausalLM): number {
  const [left, right] = [a.stateDict(), b.stateDict()];
  return Math.max(
    ...[...left].map(([name, { data }]) => Math.max(...data.map((x, i) => Math.abs(x - right.get(name)!.data[i]!)))),
  );
}

describe('learning', () => {
  test('what was chosen becomes likelier than what was rejected, in new prompts too', async () => {
    const { model, evaluations, modelFolder } = await tinyDpo({
      evalDataset: [{ prompt: 'nine ', chosen: 'yes', rejected: 'no' }],
      maxSteps: 40,
      evalInterval: 40,
    });
    expect(evaluations.at(-1)!['rewards/accuracies']).toBe(1);
    expect(evaluations.at(-1)!['rewards/margins']).toBeGreaterThan(0.3);
    expect(evaluations.at(-1)!.loss).toBeLessThan(Math.log(2));
    const said = (from: CausalLM) =>
      generate(from, [byteTokenizer().encode('ten ')], { temperature: 0, maxNewTokens: 3, stopTokenIds: [] });
    expect(await said(await fromPretrained(modelFolder))).toEqual(await said(model));
  });

  test('the best of many is learned against each of the others', async () => {
    const row = { prompt: 'a ', samples: ['b', 'c', 'd'], best: 1 };
    const pairs = [
      { prompt: 'a ', chosen: 'c', rejected: 'b' },
      { prompt: 'a ', chosen: 'c', rejected: 'd' },
    ];
    const [many, two] = [await tinyDpo({ dataset: [row] }), await tinyDpo({ dataset: pairs })];
    expect(many.trainLoss).toEqual(two.trainLoss);
  });

  test('eight batches of one pair take the step of one batch of eight', async () => {
    const [whole, parts] = [tinyGpt(), tinyGpt()];
    const one = await tinyDpo({ model: whole });
    const many = await tinyDpo({ model: parts, batchSize: 1, gradientAccumulation: 6 });
    many.trainLoss.forEach((loss, i) => expect(loss).toBeCloseTo(one.trainLoss[i]!, 5));
    expect(largestDifference(whole, parts)).toBeLessThan(1e-4);
  });
});

describe('the reference', () => {
  test('is the policy as it was: at first nothing is preferred', async () => {
    const { metrics, trainLoss } = await tinyDpo();
    expect(trainLoss[0]).toBeCloseTo(Math.log(2), 5);
    expect(metrics[0]!['rewards/margins']).toBeCloseTo(0, 4);
    const given = await tinyDpo({ referenceModel: tinyGpt() });
    expect(given.trainLoss).toEqual(trainLoss);
  });

  test('is the model without its adapters, where it has some', async () => {
    const { metrics, trainLoss } = await tinyDpo({ model: withAdapters() });
    expect(Math.abs(metrics[0]!['rewards/margins']!)).toBeGreaterThan(1e-3);
    const given = await tinyDpo({ model: withAdapters(), referenceModel: tinyGpt() });
    expect(given.trainLoss).toEqual(trainLoss);
  });

  test('is the model as it was given, where adapters are asked for', async () => {
    const [asked, applied] = [tinyGpt(), tinyGpt()];
    applyLora(applied, { r: 2, alpha: 16 }, { seed: 5 });
    const one = await tinyDpo({ model: asked, lora: { r: 2, alpha: 16 } });
    const other = await tinyDpo({ model: applied });
    expect(one.trainLoss).toEqual(other.trainLoss);
    expect(one.trainLoss[0]).toBeCloseTo(Math.log(2), 5);
    expect(one.trainLoss.at(-1)).toBeLessThan(one.trainLoss[0]!);
    expect(largestDifference(one.model, other.model)).toBe(0);
    // Only adapters are saved, and a run can go on from them.
    expect(readdirSync(one.modelFolder)).toContain('adapter_model.safetensors');
    const more = { model: tinyGpt(), lora: { r: 2, alpha: 16 }, maxSteps: 5, resume: one.modelFolder };
    expect((await tinyDpo(more)).trainLoss.slice(0, 3)).toEqual(one.trainLoss);
  });

  test('is left as it was', async () => {
    const referenceModel = tinyGpt();
    await tinyDpo({ referenceModel });
    expect(largestDifference(referenceModel, tinyGpt())).toBe(0);
  });
});

describe('what is learned', () => {
  /** Chosen and rejected, with what is learned in brackets. */
  async function learned(example: Partial<PreferenceExample>, maxLength = 64): Promise<string[]> {
    const tokenizer = byteTokenizer();
    tokenizer.chatTemplate = chatmlTemplate;
    const whole = { prompt: undefined, candidates: [], best: 0, margin: 0, ...example };
    const options = { tokenizer, maxLength, warn: () => undefined };
    const { train } = await tokenizePairs({ train: [whole], test: [] }, options);
    return train.flatMap(({ chosen, rejected }) =>
      [chosen, rejected].map(({ ids, learned: flags }) => {
        const text = Array.from(ids, (id, i) => (flags[i] ? `[${tokenizer.decode([id])}]` : tokenizer.decode([id])));
        return text.join('').replaceAll('][', '');
      }),
    );
  }

  test('completions, and the end', async () => {
    expect(await learned({ prompt: 'ab', candidates: ['c', 'de'] })).toEqual(['ab[c<|end|>]', 'ab[de<|end|>]']);
  });

  test('what differs, from the word on, where no prompt is given', async () => {
    expect(await learned({ candidates: ['to be', 'to bark'] })).toEqual(['to[ be<|end|>]', 'to[ bark<|end|>]']);
    expect(await learned({ candidates: ['abc', 'abd'] })).toEqual(['a[bc<|end|>]', 'a[bd<|end|>]']);
    expect(await learned({ candidates: ['to be', 'to be or'] })).toEqual(['to be[<|end|>]', 'to be[ or<|end|>]']);
  });

  test('the answer of a conversation, after the header that generation sees', async () => {
    const user = { role: 'user', content: 'A' };
    const answer = (content: string) => ({ role: 'assistant', content });
    const expected = ['B', 'C'].map(
      (text) => `<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n[${text}<|im_end|>\n]`,
    );
    expect(await learned({ prompt: [user], candidates: [[answer('B')], [answer('C')]] }, 200)).toEqual(expected);
    expect(
      await learned(
        {
          candidates: [
            [user, answer('B')],
            [user, answer('C')],
          ],
        },
        200,
      ),
    ).toEqual(expected);
  });

  test('long pairs are cut, and those whose prompt leaves no room left out, with one warning each', async () => {
    const warnings: string[] = [];
    const long = { prompt: 'x'.repeat(70), chosen: 'a', rejected: 'b' };
    const cut = { prompt: 'x'.repeat(60), chosen: 'a', rejected: 'bbbbbbb' };
    await tinyDpo({ dataset: [...PAIRS, long, cut], warn: (text) => warnings.push(text) });
    expect(warnings).toEqual([
      '1 of 8 pairs are longer than maxLength 64: their ends were cut off',
      '1 of 8 pairs have nothing to learn in their first 64 tokens and were left out',
    ]);
    await expect(tinyDpo({ dataset: [long], warn: () => undefined })).rejects.toThrow('no pair has anything to learn');
  });
});

test('a run that goes on has, to the last bit, the numbers of one without a break', async () => {
  const settings: Partial<TrainDpoOptions> = {
    maxSteps: 7,
    batchSize: 2,
    evalDataset: PAIRS.slice(0, 2),
    weightDecay: 0.1,
    lrSchedule: 'cosine',
  };
  const whole = await tinyDpo(settings);
  const controller = new AbortController();
  const broken = await tinyDpo({
    ...settings,
    signal: controller.signal,
    callbacks: { onStep: ({ steps }) => (steps === 4 ? controller.abort() : undefined) },
  });
  expect(broken).toMatchObject({ steps: 4, stoppedBy: 'signal' });
  // The reference is remembered: the model may be the one that was saved.
  const model = await fromPretrained(broken.modelFolder);
  const resumed = await tinyDpo({ ...settings, seed: undefined, model, resume: broken.modelFolder });
  expect(resumed.trainLoss).toEqual(whole.trainLoss);
  expect(resumed.evaluations).toEqual(whole.evaluations);
  expect(largestDifference(resumed.model, whole.model)).toBe(0);
  await expect(tinyDpo({ ...settings, beta: 0.2, resume: broken.modelFolder })).rejects.toThrow(
    'beta was 0.1 and is 0.2',
  );
});

test.each<[string, Partial<TrainDpoOptions>, string]>([
  ['a beta of 0', { beta: 0 }, 'beta is 0, but must be above 0'],
  [
    'an unknown loss',
    { lossType: 'kto' as 'ipo' },
    "lossType is 'kto', but must be one of sigmoid, hinge, ipo, robust",
  ],
  ['too much smoothing', { labelSmoothing: 0.5 }, 'labelSmoothing is 0.5, but must be from 0 to below 0.5'],
  ['smoothing of a loss without', { labelSmoothing: 0.1, lossType: 'ipo' }, 'labelSmoothing is of the losses sigmoid'],
  ['a reference with adapters', { referenceModel: withAdapters() }, 'referenceModel has adapters: merge them first'],
  [
    'a reference with another vocabulary',
    { referenceModel: fromConfig({ ...tinyGpt().config.raw, vocab_size: 300 }) },
    'referenceModel has 300 tokens, but model 258',
  ],
  ['half a pair', { dataset: [{ prompt: 'a', chosen: 'b' }] }, "dataset, row 1: has no field 'rejected'"],
])('what goes wrong: %s', async (_name, options, message) => {
  await expect(tinyDpo(options)).rejects.toThrow(message);
});
