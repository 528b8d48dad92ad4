import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  applyLora,
  type CausalLM,
  classifierFromCausalLM,
  classifierFromConfig,
  RewardModel,
  savePretrained,
} from '../../src/lm/index.ts';
import {
  type RewardResult,
  TrainingDivergedError,
  trainReward,
  type TrainRewardOptions,
} from '../../src/trainer/index.ts';
import { byteTokenizer, tinyGpt } from './sft-models.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
let folders = 0;
const fresh = (): string => join(root, String(folders++));

/** Four samples each, of which the one that begins with `!` is best. */
const ROWS = Array.from({ length: 24 }, (_, i) => {
  const best = (i * 7) % 4;
  const sample = (k: number): string => (k === best ? '!' : '.') + 'abcdefgh'.slice(0, 1 + ((i + 3 * k) % 6));
  return { query: `q${i}: `, sample0: sample(0), sample1: sample(1), sample2: sample(2), sample3: sample(3), best };
});

function tinyReward(options: Partial<TrainRewardOptions> = {}): Promise<RewardResult> {
  const folder = fresh();
  return trainReward({
    model: tinyGpt(),
    tokenizer: byteTokenizer(),
    datasetsPath: ROWS,
    testSize: 8,
    batchSize: 8,
    learningRate: 3e-3,
    warmupSteps: 0,
    epochs: 3,
    seed: 5,
    runDirectory: null,
    savePath: folder,
    rewardModelPath: join(folder, 'model'),
    ...options,
  });
}

function moments(scores: Float64Array): [mean: number, std: number] {
  const mean = scores.reduce((sum, x) => sum + x, 0) / scores.length;
  return [mean, Math.sqrt(scores.reduce((sum, x) => sum + (x - mean) ** 2, 0) / scores.length)];
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, digits = 4): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(actual[i]).toBeCloseTo(expected[i]!, digits);
}

const largestDifference = (a: RewardModel['model'] | CausalLM, b: RewardModel['model'] | CausalLM): number => {
  const other = b.stateDict();
  return Math.max(
    ...[...a.stateDict()].map(([name, { data }]) => {
      const right = other.get(name);
      return right === undefined ? 0 : Math.max(...data.map((x, i) => Math.abs(x - right.data[i]!)));
    }),
  );
};

/** The more is learned, the worse it becomes: what is evaluated on has the wrong labels. */
const misled: Partial<TrainRewardOptions> = {
  evalDataset: ROWS.map((row) => ({ ...row, best: (row.best + 1) % 4 })),
  testSize: undefined,
  train: 'full',
  evalInterval: 1,
  patience: null,
};

describe('learning', () => {
  test('held-out preferences are found, and the saved model scores as the trained one', async () => {
    const result = await tinyReward({ train: 'full', epochs: 12 });
    const { rewardModel, rewardModelPath, bestEvaluation } = result;
    expect(result.metrics[0]!['accuracy']).toBeLessThan(0.8);
    expect(bestEvaluation!['accuracy']).toBe(1);
    expect(bestEvaluation!['meanReciprocalRank']).toBe(1);
    const texts = ['q9: !abc', 'q9: .abc', 'q9: .abcdef', 'q9: !ab'];
    const scores = await rewardModel.score(texts);
    expect(Math.min(scores[0]!, scores[3]!)).toBeGreaterThan(Math.max(scores[1]!, scores[2]!));
    expectClose(await (await RewardModel.fromPretrained(rewardModelPath!)).score(texts), scores);
  });

  test.each(['head', 'lora', 'full'] as const)('%s: that is trained, and nothing else', async (train) => {
    const before = classifierFromCausalLM(tinyGpt(), { numLabels: 1, seed: 5 });
    const model = classifierFromCausalLM(tinyGpt(), { numLabels: 1, seed: 5 });
    const { rewardModel, trainLoss } = await tinyReward({ model, train, normalizeBefore: false });
    expect(trainLoss.at(-1)).toBeLessThan(trainLoss[0]!);
    const parameters = before.namedParameters();
    const changed = [...rewardModel.model.namedParameters()].flatMap(([name, { storage }]) =>
      storage.data.some((x, i) => x !== parameters.get(name)!.storage.data[i]) ? [name] : [],
    );
    if (train === 'head') expect(changed).toEqual(['score.weight']);
    if (train === 'lora') {
      const adapted = /^(score\.weight|.*\.c_attn\.weight)$/;
      expect(changed.filter((name) => !adapted.test(name))).toEqual([]);
      expect(changed).toHaveLength(3);
    }
    if (train === 'full') expect(changed).toContain('transformer.h.0.mlp.c_fc.weight');
    expect(rewardModel.model.parameters().some(({ frozen }) => frozen)).toBe(false);
  });

  test('a head alone learns over features what it would learn over texts', async () => {
    const [head, whole] = [await tinyReward({ train: 'head' }), await tinyReward({ train: 'full', learningRate: 0 })];
    // Before the first step both are the same model.
    expect(head.trainLoss[0]).toBeCloseTo(whole.trainLoss[0]!, 4);
    expect(head.evaluations[0]!.loss).toBeLessThan(whole.evaluations[0]!.loss);
  });

  test('a language model is left as it was', async () => {
    const model = tinyGpt();
    await tinyReward({ model, train: 'full' });
    expect(largestDifference(model, tinyGpt())).toBe(0);
  });

  test('adapters that are kept stand over the weights of the language model, and are all that is saved', async () => {
    const model = tinyGpt();
    const options = { train: 'lora', mergeAdapters: false, model } as const;
    const { rewardModel, rewardModelPath, trainLoss } = await tinyReward(options);
    expect(trainLoss.at(-1)).toBeLessThan(trainLoss[0]!);
    const own = new Set(model.parameters());
    const others = [...rewardModel.model.namedParameters()].filter(([, parameter]) => !own.has(parameter));
    expect(others.every(([name]) => /lora|score/.test(name))).toBe(true);
    expect(largestDifference(model, tinyGpt())).toBe(0);
    expect(model.parameters().every(({ frozen }) => frozen)).toBe(true);

    const texts = ['q9: !abc', 'q9: .abc'];
    const scores = await rewardModel.score(texts);
    expect(readdirSync(rewardModelPath!)).not.toContain('model.safetensors');
    const opened = await RewardModel.fromPretrained(rewardModelPath!, { base: tinyGpt() });
    expect(await opened.score(texts)).toEqual(scores);

    // They are those that would have been merged.
    const merged = await tinyReward({ train: 'lora' });
    expectClose(await merged.rewardModel.score(texts), scores, 3);
    await expect(tinyReward({ mergeAdapters: false })).rejects.toThrow("train is 'head', not 'lora'");
  });

  test('rows of two and of three candidates', async () => {
    const pairs = ROWS.slice(0, 8).map(({ query, sample0 }) => ({
      prompt: query,
      chosen: `${sample0}!`,
      rejected: '.',
    }));
    const lists = ROWS.slice(8).map(({ query, sample0, sample1, sample2, best }) => {
      return { prompt: query, samples: [sample0, sample1, sample2], best: best % 3 };
    });
    const equal = await tinyReward({
      datasetsPath: [...pairs, ...lists],
      model: classifierFromConfig({ ...tinyGpt().config.raw, initializer_range: 0 }, { numLabels: 1 }),
      testSize: 0,
      batchSize: 24,
      epochs: 1,
      normalizeBefore: false,
      normalizeAfter: false,
    });
    // What chance gives.
    expect(equal.trainLoss[0]).toBeCloseTo((8 * Math.log(2) + 16 * Math.log(3)) / 24, 5);
    // Equal rewards find nothing best.
    expect(equal.metrics[0]!['accuracy']).toBe(0);
  });

  test('token ids are read by the tokenizer that made them', async () => {
    const tokenizer = byteTokenizer();
    const ids = ROWS.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, typeof value === 'string' ? tokenizer.encode(value) : value]),
      ),
    );
    await expect(tinyReward({ datasetsPath: ids })).rejects.toThrow('is a list of token ids: give the tokenizer');
    const [fromIds, fromText] = [
      await tinyReward({ datasetsPath: ids, labelTokenizer: tokenizer }),
      await tinyReward(),
    ];
    expect(fromIds.trainLoss).toEqual(fromText.trainLoss);
  });
});

describe('normalisation', () => {
  test.each(['full', 'lora'] as const)(
    'rewards have mean 0 and variance 1 on the reference sample: %s',
    async (train) => {
      const { rewardModel } = await tinyReward({ train, testSize: 0, normalizeSamples: 1000 });
      const texts = ROWS.flatMap(({ query, ...row }) =>
        [0, 1, 2, 3].map((i) => query + row[`sample${i}` as 'sample0']),
      );
      expectClose(moments(await rewardModel.score(texts)), [0, 1]);
    },
  );

  test('before training, which the first evaluation sees', async () => {
    const { metrics } = await tinyReward({ testSize: 0, batchSize: 24, epochs: 1, normalizeSamples: 1000 });
    expect(metrics[0]!['meanReward']).toBeCloseTo(0, 4);
    expect(metrics[0]!['maxReward']! - metrics[0]!['minReward']!).toBeGreaterThan(2);
  });

  test('of a head that says the same of every text: not done, with a warning', async () => {
    const model = classifierFromCausalLM(tinyGpt(), { numLabels: 1, seed: 1 });
    model.score.weight.storage.data.fill(0);
    const warnings: string[] = [];
    const warn = (message: string): number => warnings.push(message);
    const { rewardModel } = await tinyReward({ model, epochs: 1, learningRate: 0, warn });
    expect(warnings).toEqual(Array(2).fill(expect.stringMatching(/^rewards are not normalised: .* samples are 0: /)));
    expect(Array.from(await rewardModel.score(['a', 'b']))).toEqual([0, 0]);
  });

  test('or not at all', async () => {
    const { rewardModel, metrics } = await tinyReward({ normalizeBefore: false, normalizeAfter: false, epochs: 1 });
    expect(rewardModel.bias).toBe(0);
    expect(metrics[0]!['maxReward']! - metrics[0]!['minReward']!).toBeLessThan(1);
  });
});

describe('how a run ends', () => {
  test('when evaluations are no better for a while', async () => {
    const result = await tinyReward({ learningRate: 0, epochs: 50, patience: 2 });
    // The first is better than none; two are not better than the first.
    expect(result.evaluations).toHaveLength(3);
    expect(result).toMatchObject({ stoppedBy: 'patience' });
    expect(result.stopReason).toContain('for 2 times');
    expect((await tinyReward({ learningRate: 0, epochs: 5, patience: null })).evaluations).toHaveLength(5);
  });

  test('with the weights of the best evaluation', async () => {
    const folder = fresh();
    const result = await tinyReward({ ...misled, normalizeAfter: false, savePath: folder });
    const { evaluations, bestEvaluation, rewardModel, rewardModelPath } = result;
    expect(bestEvaluation!.step).toBeLessThan(result.steps);
    expect(bestEvaluation!.loss).toBe(Math.min(...evaluations.map(({ loss }) => loss)));
    expect(readdirSync(folder).toSorted()).toContain('reward_best');
    const best = await RewardModel.fromPretrained(join(folder, 'reward_best'));
    const last = await RewardModel.fromPretrained(join(folder, `reward_step_${result.steps}`));
    const texts = ['q1: ab!', 'q2: cd.'];
    expectClose(await rewardModel.score(texts), await best.score(texts));
    expectClose(await (await RewardModel.fromPretrained(rewardModelPath!)).score(texts), await best.score(texts));
    expect(Math.abs((await last.score(texts))[0]! - (await best.score(texts))[0]!)).toBeGreaterThan(1e-3);
  });

  test('with a directory that says it all', async () => {
    const runDirectory = fresh();
    const result = await tinyReward({ runDirectory, savePath: undefined, rewardModelPath: undefined, epochs: 2 });
    expect(readdirSync(runDirectory).toSorted()).toEqual([
      'calibration.json',
      'checkpoints',
      'config.json',
      'media',
      'metrics.jsonl',
      'model',
      'summary.json',
    ]);
    const read = (name: string): unknown => JSON.parse(readFileSync(join(runDirectory, name), 'utf8'));
    expect(read('config.json')).toMatchObject({
      kind: 'reward',
      train: 'head',
      examples: 16,
      evalExamples: 8,
      seed: 5,
    });
    expect(read('summary.json')).toMatchObject({ stoppedBy: 'epochs', rewardModel: join(runDirectory, 'model') });
    expect(result.rewardModelPath).toBe(join(runDirectory, 'model'));
    const rows = readFileSync(join(runDirectory, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const last = JSON.parse(rows.at(-1)!) as Record<string, number>;
    for (const name of ['loss', 'accuracy', 'margin', 'evalLoss', 'evalAccuracy', 'evalMeanReciprocalRank']) {
      expect([name, typeof last[name]]).toEqual([name, 'number']);
    }
  });

  test('having written nothing, if it is dry', async () => {
    const folder = fresh();
    const paths = { runDirectory: join(folder, 'run'), savePath: folder, rewardModelPath: join(folder, 'model') };
    const result = await tinyReward({ dryRun: true, ...paths });
    expect(existsSync(folder)).toBe(false);
    expect(result).toMatchObject({ steps: 1, rewardModelPath: null });
    expect(result.evaluations).toHaveLength(1);
  });
});

describe('going on', () => {
  test.each(['head', 'lora', 'full'] as const)(
    '%s: the same numbers, to the last bit, as without a break',
    async (train) => {
      const settings = {
        train,
        epochs: 4,
        learningRate: 2e-2,
        patience: null,
        centerRewardsCoefficient: 0.01,
      } as const;
      const whole = await tinyReward(settings);
      const controller = new AbortController();
      const broken = await tinyReward({
        ...settings,
        signal: controller.signal,
        callbacks: { onStep: ({ steps }) => (steps === 5 ? controller.abort() : undefined) },
      });
      expect(broken).toMatchObject({ steps: 5, stoppedBy: 'signal' });
      const resumed = await tinyReward({ ...settings, seed: undefined, resumeCheckpoint: broken.modelFolder });
      expect(resumed.trainLoss).toEqual(whole.trainLoss);
      expect(resumed.evaluations).toEqual(whole.evaluations);
      expect(largestDifference(resumed.rewardModel.model, whole.rewardModel.model)).toBe(0);
      expect(resumed.rewardModel.bias).toBe(whole.rewardModel.bias);
    },
  );

  test('the best weights are remembered across the break', async () => {
    const [first, second] = [fresh(), fresh()];
    const whole = await tinyReward({ ...misled, epochs: 4, runDirectory: first });
    const broken = await tinyReward({
      ...misled,
      epochs: 4,
      callbacks: { onStep: ({ steps }) => (steps === 6 ? { stop: 'enough' } : undefined) },
    });
    expect(whole.bestEvaluation!.step).toBeLessThan(6);
    const resumed = await tinyReward({
      ...misled,
      epochs: 4,
      resumeCheckpoint: broken.modelFolder,
      runDirectory: second,
    });
    expect(largestDifference(resumed.rewardModel.model, whole.rewardModel.model)).toBe(0);
    // What is kept for calibration is what the best weights said, here and there.
    const [kept, keptLater] = [first, second].map((path) => readFileSync(join(path, 'calibration.json'), 'utf8'));
    expect(keptLater).toBe(kept);
    const { comparisons } = JSON.parse(kept!) as { comparisons: { rewards: number[]; best: number }[] };
    const losses = comparisons.map(({ rewards, best }) =>
      Math.log(rewards.reduce((sum, reward) => sum + Math.exp(reward - rewards[best]!), 0)),
    );
    const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    expect(loss).toBeCloseTo(whole.bestEvaluation!.loss, 5);
  });

  test('from what it cannot: says what is wrong', async () => {
    const { modelFolder } = await tinyReward({ maxSteps: 1, epochs: undefined });
    const resume = (more: Partial<TrainRewardOptions>) => tinyReward({ ...more, resumeCheckpoint: modelFolder });
    await expect(resume({ train: 'full' })).rejects.toThrow('train was head and is full');
    await expect(resume({ datasetsPath: ROWS.slice(1) })).rejects.toThrow('examples was 16 and is 15');
    await expect(resume({ resumeCheckpoint: root })).resolves.toBeDefined();
    await expect(tinyReward({ resumeCheckpoint: root })).rejects.toThrow('Give the folder that trainReward wrote');
  });
});

describe('what goes wrong', () => {
  const row = ROWS[0]!;
  test.each<[string, Partial<TrainRewardOptions>, string]>([
    ['no model', { model: undefined }, 'give modelName, or model and tokenizer'],
    ['two models', { modelName: 'models/tiny' }, 'give modelName or model, not both'],
    ['no folder', { model: undefined, modelName: 'no/such/model' }, "there is no folder 'no/such/model'"],
    ['a head of two labels', { model: classifierFromConfig(tinyGpt().config.raw) }, 'gives a text 2 scores'],
    ['a label out of range', { datasetsPath: [row, { ...row, best: 4 }] }, 'dataset, row 2: best is 4'],
    ['fewer samples than said', { numSamples: 5 }, 'dataset, row 1: has 4 candidates, but should have 5'],
    ['an empty query', { datasetsPath: [{ ...row, query: '' }] }, 'dataset, row 1: its query is empty'],
    ['texts too long', { maxLength: 4 }, 'no row has only texts of at most maxLength 4 tokens'],
    ['a context too short', { maxLength: 65 }, 'the model reads at most 64'],
    ['no patience', { patience: 0 }, 'patience is 0'],
    ['a negative coefficient', { centerRewardsCoefficient: -1 }, 'centerRewardsCoefficient is -1'],
    ['one sample to normalise on', { normalizeSamples: 1 }, 'normalizeSamples is 1'],
  ])('%s', async (_name, options, message) => {
    await expect(tinyReward({ warn: () => undefined, ...options })).rejects.toThrow(message);
  });

  test('bad rows and long ones are counted, if they are to be left out', async () => {
    const warnings: string[] = [];
    const long = { ...row, sample3: 'x'.repeat(80), best: 3 };
    const datasetsPath = [...ROWS, { ...row, best: -1 }, long];
    await tinyReward({ datasetsPath, badRows: 'skip', warn: (text) => warnings.push(text), epochs: 1 });
    expect(warnings).toEqual([
      expect.stringContaining('1 of 26 rows cannot be used and were left out; the first: dataset, row 25: best is -1'),
      expect.stringContaining('1 of 25 rows have a text of more than maxLength 64 tokens and were left out'),
    ]);
  });

  test('rewards that are no numbers any more: the last good weights are saved first', async () => {
    const error = await tinyReward({ train: 'full', learningRate: 1e30, epochs: 20 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(TrainingDivergedError);
    const { checkpoint, message } = error as TrainingDivergedError;
    expect(message).toContain(`Go on with { resumeCheckpoint: '${checkpoint}' }`);
    const weights = (await RewardModel.fromPretrained(checkpoint)).model.stateDict();
    for (const { data } of weights.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  test('a model with adapters', async () => {
    const model = tinyGpt();
    applyLora(model, {}, { seed: 1 });
    await expect(tinyReward({ model })).rejects.toThrow('this model has adapters: merge them first');
  });
});

test('a folder gives the model by its name, and a reward model goes on', async () => {
  const folder = fresh();
  await savePretrained(tinyGpt(), folder, { tokenizer: byteTokenizer() });
  const named = { model: undefined, tokenizer: undefined, train: 'full', epochs: 2 } as const;
  const first = await tinyReward({ ...named, modelName: folder });
  expect(first.trainLoss).toEqual((await tinyReward({ train: 'full', epochs: 2 })).trainLoss);
  const second = await tinyReward({ ...named, modelName: first.rewardModelPath! });
  expect(second.trainLoss[0]).toBeLessThan(first.trainLoss[0]!);
});
