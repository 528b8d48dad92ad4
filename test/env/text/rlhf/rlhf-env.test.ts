import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { checkEnv, make, makeVec, SyncVectorEnv } from '../../../../src/env/index.ts';
import { KlController, RLHFEnv, type RLHFEnvOptions, RLHFVectorEnv } from '../../../../src/env/text/index.ts';
import { fromConfig, RewardModel } from '../../../../src/lm/index.ts';
import { classifierFromConfig, savePretrained } from '../../../../src/lm/pretrained.ts';
import { trainByteLevelTokenizer } from '../../../../src/lm/tokenizer-training.ts';
import { gae } from '../../../../src/rl/index.ts';
import { a, b, c, constantModel, eos, tokenizer } from './constant-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'gymformer-rlhf-'));
afterAll(() => rmSync(folder, { recursive: true }));

const reference = constantModel({ [eos]: 0.1, [a]: 0.2, [b]: 0.3, [c]: 0.4 });
const make3 = (options: Partial<RLHFEnvOptions> = {}): RLHFEnv =>
  new RLHFEnv({
    tokenizer,
    dataset: ['ab'],
    reward: () => 2,
    refModel: reference,
    klCoef: 0.1,
    maxGeneration: 5,
    ...options,
  });

/** Writes tokens, telling how likely each was. */
async function play(env: RLHFEnv, tokens: readonly number[], probabilities?: readonly number[]) {
  const [observation] = await env.reset({ seed: 1 });
  const rewards: number[] = [];
  for (const [i, token] of tokens.entries()) {
    if (probabilities !== undefined) env.observePolicy(Math.log(probabilities[i]!));
    const [, reward, terminated, truncated, info] = await env.step(token);
    rewards.push(reward);
    if (terminated || truncated) return { observation, rewards, info, terminated, steps: i + 1 };
  }
  throw new Error('the episode goes on');
}

describe('an episode of three tokens, by hand', () => {
  // The reference gives a 0.2, b 0.3 and the end 0.1; the policy gave 0.5, 0.3 and 0.05.
  const tokens = [a, b, eos];
  const told = [0.5, 0.3, 0.05];
  const kls = [Math.log(2.5), 0, Math.log(0.5)];

  test('rewards: what each token diverges, and the score once, at the end', async () => {
    const { rewards, info, terminated, observation } = await play(make3(), tokens, told);
    expect([...observation]).toEqual([a, b]);
    expect(terminated).toBe(true);
    // -0.1 * ln 2.5 = -0.0916; -0.1 * 0; 2 - 0.1 * ln 0.5 = 2.0693.
    [-0.0916290732, 0, 2.0693147181].forEach((reward, i) => expect(rewards[i]).toBeCloseTo(reward, 5));
    expect(info).toMatchObject({
      prompt: 'ab',
      completion: 'ab',
      rawReward: 2,
      score: 2,
      klCoef: 0.1,
      finishReason: 'eos',
    });
    expect(info['kl']).toBeCloseTo(Math.log(1.25), 5);
    expect(info['referenceLogProb']).toBeCloseTo(Math.log(0.1), 5);
    for (const [name, expected] of [
      ['tokenKls', kls],
      ['tokenRewards', rewards],
      ['logProbs', told.map(Math.log)],
      ['referenceLogProbs', [0.2, 0.3, 0.1].map(Math.log)],
    ] as const) {
      const found = info[name] as number[];
      expect(found).toHaveLength(3);
      found.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
    }
    // Undiscounted, with a critic that knows nothing: every token gets all that is still to come.
    const values = [0, 0, 0];
    const { advantages } = gae({ numEnvs: 1, rewards, values, nextValues: values, ended: [0, 0, 1] }, 1, 1);
    [2 - 0.1 * Math.log(1.25), 2.0693147181, 2.0693147181].forEach((x, i) => expect(advantages[i]).toBeCloseTo(x, 5));
  });

  test.each([
    ['k1', kls],
    ['k2', kls.map((kl) => kl ** 2 / 2)],
    ['k3', kls.map((kl) => Math.exp(-kl) - 1 + kl)],
  ] as const)('by estimator %s', async (klEstimator, expected) => {
    const { info } = await play(make3({ klEstimator }), tokens, told);
    (info['tokenKls'] as number[]).forEach((kl, i) => expect(kl).toBeCloseTo(expected[i]!, 5));
  });

  test('the reward of a policy that is the reference is the score, and its divergence is 0', async () => {
    for (const klEstimator of ['k1', 'k2', 'k3'] as const) {
      const { rewards, info } = await play(make3({ klEstimator }), tokens, [0.2, 0.3, 0.1]);
      expect(info['kl']).toBeCloseTo(0, 5);
      [0, 0, 2].forEach((reward, i) => expect(rewards[i]).toBeCloseTo(reward, 5));
    }
  });

  test('the steps on the way tell what they cost', async () => {
    const env = make3();
    await env.reset();
    env.observePolicy(Math.log(0.5));
    const [, reward, , , info] = await env.step(a);
    expect(info['tokenKl']).toBeCloseTo(kls[0]!, 5);
    expect(reward).toBeCloseTo(-0.1 * kls[0]!, 5);
  });

  test('nobody told of the policy: the score alone', async () => {
    const { rewards, info } = await play(make3(), tokens);
    expect(rewards).toEqual([0, 0, 2]);
    expect(info).toMatchObject({ rawReward: 2, score: 2 });
    expect(info).not.toHaveProperty('kl');
  });

  test("the temperature is the reference's too", async () => {
    // At temperature 2 the reference's probabilities are square roots, normalised.
    const roots = [0.1, 0.2, 0.3, 0.4].map(Math.sqrt);
    const [qEos, qA, qB] = roots.map((root) => root / roots.reduce((x, y) => x + y)) as [number, number, number];
    const { info } = await play(make3({ temperature: 2 }), tokens, [qA, qB, qEos]);
    expect(info['kl']).toBeCloseTo(0, 3);
    const { info: untempered } = await play(make3(), tokens, [qA, qB, qEos]);
    expect(Math.abs(untempered['kl'] as number)).toBeGreaterThan(0.3);
  });

  test('a policy that is observed now and then is an error', async () => {
    const env = make3();
    await env.reset();
    await env.step(a);
    env.observePolicy(-1);
    expect(() => env.step(b)).toThrow('the policy was observed at 0 of 1 tokens; call observePolicy before every step');
    await env.reset();
    env.observePolicy(-1);
    await env.step(a);
    expect(() => env.step(eos)).toThrow('the policy was observed at 1 of 2 tokens');
    expect(() => env.observePolicy(0.5)).toThrow('a log-probability is finite and at most 0, but this is 0.5');
  });

  test('the coefficient adapts at the end of each episode, and may be shared', async () => {
    const klCoef = new KlController({ initial: 0.1, target: 0.1, horizon: 10 });
    const [one, other] = [make3({ klCoef }), make3({ klCoef })];
    await play(one, tokens, told);
    // ln 1.25 is more than 1.2 targets: up by 0.2 / 10.
    expect(other.klController.coef).toBeCloseTo(0.102, 10);
  });
});

describe('the end of a text', () => {
  test('is scored once, with penalties for texts that were cut off', async () => {
    const reward = vi.fn((completion: string) => completion.length);
    const env = make3({ reward, missingEosPenalty: 10, maxGeneration: 3 });
    const ended = await play(env, [a, b, eos]);
    expect(ended.rewards).toEqual([0, 0, 2]);
    const cut = await play(env, [a, b, c]);
    expect(cut).toMatchObject({ rewards: [0, 0, -7], terminated: false, info: { rawReward: 3, score: -7 } });
    expect(reward).toHaveBeenCalledTimes(2);
    expect(reward.mock.calls[1]).toEqual([
      'abc',
      {
        question: 'ab',
        answer: '',
        prompt: 'ab',
        completion: 'abc',
        generatedTokens: 3,
        maxGeneration: 3,
        truncated: true,
      },
    ]);
  });

  test('is at a token, once there is enough before it, as in the paper', async () => {
    const env = make3({ truncateAt: { token: 'b', after: 2, score: -3 }, reward: (text) => text.length });
    expect(await play(env, [b, b, a, b, a])).toMatchObject({
      steps: 4,
      terminated: true,
      rewards: [0, 0, 0, 4],
      info: { completion: 'bbab', finishReason: 'finished' },
    });
    // Without it the score is the penalty, whatever the reward says, be the text cut off or ended by itself.
    expect(await play(env, [b, b, a, a, a])).toMatchObject({
      info: { rawReward: 5, score: -3, finishReason: 'length' },
    });
    expect(await play(env, [b, eos])).toMatchObject({ info: { rawReward: 1, score: -3, finishReason: 'eos' } });
  });
});

describe('queries', () => {
  test('are text or ids, in memory or in a file', async () => {
    const [json, lines] = [join(folder, 'queries.json'), join(folder, 'queries.jsonl')];
    writeFileSync(json, JSON.stringify([{ query: [a, b], best: 1 }, { query: 'c' }]));
    writeFileSync(lines, '{"prompt": "ab"}\n{"prompt": "c"}\n');
    for (const dataset of [
      'ab|c'.split('|'),
      [[a, b], [c]],
      [{ query: 'ab' }, { prompt: Int32Array.of(c) }],
      json,
      lines,
    ]) {
      const env = make3({ dataset });
      for (const [index, expected] of [[a, b], [c]].entries()) {
        const [observation, info] = await env.reset({ options: { index } });
        expect([...observation]).toEqual(expected);
        expect(info).toEqual({ prompt: 'ab|c'.split('|')[index], index });
      }
    }
  });

  test('give way to an initial state', async () => {
    const [observation] = await make3().reset({ options: { initialState: 'cc' } });
    expect([...observation]).toEqual([c, c]);
  });

  test.each([
    [['ab', ''], 'the dataset, row 1: the query is empty'],
    [['ab', [] as number[]], 'the dataset, row 1: the query is empty'],
    [[{ query: ' \n' }], 'the dataset, row 0: the query is empty'],
    [[{ text: 'a' } as unknown as string], "row 0: it has neither 'query' nor 'prompt'"],
    [[[1, -1]], 'row 0: token 1 of the query is -1, which is no id'],
    [[], 'the dataset is empty'],
  ])('%o are wrong', (dataset, message) => {
    expect(() => make3({ dataset })).toThrow(message);
  });

  test('in a file that are wrong are named by their line', async () => {
    const path = join(folder, 'empty.jsonl');
    writeFileSync(path, '{"query": "ab"}\n{"query": ""}\n');
    await expect(make3({ dataset: path }).reset()).rejects.toThrow(`${path}, line 2: the query is empty`);
  });
});

describe('the reward model', () => {
  const words = trainByteLevelTokenizer('ab abc cab', { specialTokens: { eosToken: '<end>', padToken: '<pad>' } });
  const classifier = (numLabels = 1) =>
    classifierFromConfig(
      { model_type: 'gpt2', vocab_size: words.vocabSize, n_embd: 8, n_layer: 1, n_head: 1, n_positions: 16 },
      { numLabels, seed: 1 },
    );

  test('reads query and response by its own tokenizer, from memory or a folder', async () => {
    const model = new RewardModel(classifier(), words);
    const path = join(folder, 'reward');
    await model.savePretrained(path);
    const [expected] = await model.score(['abcc']);
    for (const reward of [model, path]) {
      const { info } = await play(make3({ reward }), [c, c, eos]);
      expect(info['rawReward']).toBeCloseTo(expected!, 5);
    }
  });

  test('with a head of several scores is refused', async () => {
    const path = join(folder, 'two-labels');
    await savePretrained(classifier(2), path, { tokenizer: words });
    await expect(play(make3({ reward: path }), [eos])).rejects.toThrow(/gives a text 2 scores/);
  });
});

describe('what cannot be', () => {
  test.each([
    [{ tokenizer: undefined }, 'RLHFEnv needs tokenizer'],
    [{ dataset: undefined }, 'RLHFEnv needs dataset'],
    [{ reward: undefined }, 'RLHFEnv needs reward'],
    [{ klEstimator: 'k4' }, 'klEstimator is "k4", but must be k1, k2 or k3'],
    [{ refModel: null }, 'there is no divergence that klCoef 0.1 could weigh'],
    [{ temperature: 0 }, 'temperature is 0'],
    [{ truncateAt: { token: 'ab' } }, 'truncateAt.token "ab" is 2 tokens of this tokenizer'],
    [{ truncateAt: { token: 99 } }, 'truncateAt.token is 99, but ids are 0 to'],
    [{ missingEosPenalty: Number.NaN }, 'missingEosPenalty is NaN'],
    [{ klCoef: -1 }, 'klCoef is -1'],
  ])('%o', (options, message) => {
    expect(() => make3(options as Partial<RLHFEnvOptions>)).toThrow(message);
  });

  test('a reference that nobody can know, or that knows too few tokens', async () => {
    await expect(play(make3({ refModel: 'initial' }), [eos], [0.1])).rejects.toThrow(
      "refModel is 'initial', but this environment does not know the policy",
    );
    const small = fromConfig({ model_type: 'gpt2', vocab_size: 2, n_embd: 8, n_layer: 1, n_head: 1, n_positions: 8 });
    await expect(play(make3({ refModel: small }), [eos], [0.1])).rejects.toThrow(
      `the reference model knows 2 tokens and the policy ${tokenizer.vocabSize}`,
    );
    await expect(play(make3({ refModel: join(folder, 'nowhere') }), [eos], [0.1])).rejects.toThrow('nowhere');
  });
});

test('make knows it, and it keeps the contract', async () => {
  const kwargs = { tokenizer, dataset: ['ab', 'c'], reward: () => 1, refModel: reference, maxGeneration: 4 };
  const env = make('RLHFEnv-v0', kwargs);
  expect(env.unwrapped.maxGeneration).toBe(4);
  await checkEnv(make3());
});

describe('in a vector', () => {
  const kwargs = { tokenizer, dataset: ['ab', 'c', 'ba'], refModel: reference, klCoef: 0.1, maxGeneration: 4 };
  const score = (completions: readonly string[]): number[] => completions.map((text) => text.length);
  // Three texts, of which two end together; the fourth row is of the text that begins meanwhile.
  const actions = [
    [a, b, c],
    [eos, a, eos],
    [b, eos, a],
    [c, b, eos],
  ];
  const told = actions.map((row, t) => row.map((_, i) => -0.3 - 0.2 * t - 0.1 * i));

  test.each(['same-step', 'next-step'] as const)(
    'rewards are those of single environments: %s',
    async (autoresetMode) => {
      const batch = vi.fn(score);
      const env = makeVec('RLHFEnv-v0', { ...kwargs, reward: { batch }, numEnvs: 3, autoresetMode }) as RLHFVectorEnv;
      expect(env.unwrapped).toBeInstanceOf(RLHFVectorEnv);
      const singles = new SyncVectorEnv(
        [0, 1, 2].map(() => () => make('RLHFEnv-v0', { ...kwargs, reward: { batch: score } })),
        { autoresetMode },
      );
      for (const vector of [env, singles]) await vector.reset({ seed: 5 });
      for (const [t, row] of actions.entries()) {
        env.observePolicy(told[t]!);
        singles.envs.forEach(({ unwrapped }, i) => {
          if (!unwrapped.ended) unwrapped.observePolicy(told[t]![i]!);
        });
        const [, found] = await env.step(Int32Array.from(row));
        const [, expected] = await singles.step(Int32Array.from(row));
        expect(found.some((reward) => reward !== 0)).toBe(true);
        found.forEach((reward, i) => expect(reward).toBeCloseTo(expected[i]!, 5));
      }
      // Those that ended together were scored together.
      expect(batch.mock.calls.map(([texts]) => texts.length)).toEqual([2, 1, 1]);
    },
  );

  test('one coefficient is for all, and what is wrong is said to all', async () => {
    const env = new RLHFVectorEnv({ ...kwargs, reward: () => 1, numEnvs: 2 });
    expect(env.envs[0]!.klController).toBe(env.envs[1]!.klController);
    expect(() => env.observePolicy([-1])).toThrow('1 log-probabilities for 2 environments');
    const lost = new RLHFVectorEnv({ ...kwargs, reward: () => 1, numEnvs: 2, refModel: 'initial' });
    await lost.reset();
    lost.observePolicy([-1, -1]);
    await expect(lost.step(Int32Array.of(a, a))).rejects.toThrow("refModel is 'initial'");
    expect(() => makeVec('RLHFEnv-v0', { ...kwargs, reward: () => 1, maxEpisodeSteps: 3 })).toThrow(
      'limited by maxGeneration',
    );
    expect(() => make('RLHFEnv-v0', { ...kwargs, reward: () => 1, klCoeff: 3 })).toThrow("Did you mean 'klCoef'?");
  });
});
