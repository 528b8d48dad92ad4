// What learning from preferences meets from outside: a reward server that is down or slow while a run is under way, and models whose
// vocabulary is another than that of the tokenizer.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type CausalLM, fromConfig, RewardModel, classifierFromConfig } from '../../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork } from '../../src/rl/index.ts';
import {
  trainAgent,
  trainDpo,
  TrainingFailedError,
  trainReward,
  trainSft,
  type TrainTextOptions,
} from '../../src/trainer/index.ts';
import { tokenizer } from '../rl/token-agents.ts';
import { byteTokenizer, tinyGpt } from './sft-models.ts';
import { temporaryDirectory } from './tiny-run.ts';

const root = temporaryDirectory();
const shape = { model_type: 'gpt2', n_positions: 24, n_embd: 16, n_layer: 1, n_head: 2 } as const;
const model = (): CausalLM => fromConfig({ ...shape, vocab_size: tokenizer.vocabSize }, { seed: 1 });

/** Texts of a small model, eight an update. */
function train(
  reward: unknown,
  options: Partial<TrainTextOptions> & Pick<TrainTextOptions, 'ppoConfig' | 'maxEpisodes'>,
  more: object = {},
) {
  const actor = new LMActorNetwork(model());
  return trainAgent({
    envName: 'RLHFEnv-v0',
    envOptions: { tokenizer, dataset: ['ab', 'c', 'defg'], reward, maxGeneration: 6, ...more },
    actor,
    critic: new LMCriticNetwork(actor.model, { seed: 1 }),
    numEnvs: 4,
    updateInterval: 8,
    seed: 3,
    ...options,
  });
}

test('rewards too large to add up are left out, in a run that saves itself and goes on', async () => {
  let calls = 0;
  // More than a number holds, once.
  const reward = [[() => (++calls === 3 ? 1e308 : 0.1), 10]];
  const run = (maxEpisodes: number, resume?: string) => {
    const place = { runDirectory: null, savePath: join(root, 'too-large'), resume };
    return train(reward, { ppoConfig: { updateEpochs: 1, onNonFinite: 'skip' }, maxEpisodes, ...place });
  };
  const first = await run(8);
  expect(first.metrics[0]).toMatchObject({ skippedRows: 1 });
  expect(first.episodeReturns.filter((value) => !Number.isFinite(value))).toHaveLength(1);
  const { episodes, meanReturn } = await run(16, first.checkpoint);
  expect(episodes).toBe(16);
  expect(meanReturn).toBeGreaterThan(0);
});

describe('a reward server', () => {
  /** How it fares: it counts letters, or hears nothing, or says that it is down. */
  type State = 'well' | 'slow' | 'down';
  let state: State = 'well';
  let answered = 0;
  /** The request from which on it is not well. */
  let until = Number.POSITIVE_INFINITY;
  let trouble: State = 'down';
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (++answered > until) state = trouble;
      if (state === 'slow') return;
      if (state === 'down') response.statusCode = 503;
      const { completions } = JSON.parse(body) as { completions: string[] };
      response.end(JSON.stringify({ rewards: completions.map((text) => text.length / 10) }));
    });
  });
  afterEach(() => server.closeAllConnections());

  function run(url: string, options: { readonly runDirectory: string; readonly resume?: string }) {
    return train(
      { url, timeoutMs: 100, retries: 1, retryDelayMs: 1 },
      { ppoConfig: { lrActor: 1e-3, gamma: 1, updateEpochs: 1, minibatchSize: 8 }, maxEpisodes: 40, ...options },
      { klCoef: { initial: 0.1, target: 1, horizon: 100 } },
    );
  }

  test.each([
    ['down', 'the server answered 503 Service Unavailable'],
    ['slow', 'no answer within 100 ms, in 2 tries'],
  ] as const)(
    'that is %s on the way: the run saves itself, and goes on when all is well, to the bit',
    async (how, message) => {
      await new Promise<void>((resolve) => (server.listening ? resolve() : server.listen(0, '127.0.0.1', resolve)));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/rewards`;
      [state, trouble, answered, until] = ['well', how, 0, Number.POSITIVE_INFINITY];
      const whole = await run(url, { runDirectory: join(root, `whole-${how}`) });
      expect(whole.updates).toBe(5);

      [answered, until] = [0, 2];
      const error = await run(url, { runDirectory: join(root, how) }).then(
        () => undefined,
        (reason: unknown) => reason as TrainingFailedError,
      );
      expect(error).toBeInstanceOf(TrainingFailedError);
      expect(error!.message).toContain(`reward ${url}: ${message}`);
      expect(error!.message).toContain(error!.checkpoint);

      [state, until] = ['well', Number.POSITIVE_INFINITY];
      const resumed = await run(url, { runDirectory: join(root, `${how}-resumed`), resume: error!.checkpoint });
      expect(resumed.updates).toBe(5);
      expect(resumed.policy.stateDict()).toEqual(whole.policy.stateDict());
    },
  );

  test('is closed', () => {
    server.close();
  });
});

describe("a vocabulary that is not the tokenizer's is named before anything is trained", () => {
  const small = (): CausalLM => fromConfig({ ...shape, vocab_size: 100, n_positions: 64 }, { seed: 1 });
  const common = { tokenizer: byteTokenizer(), runDirectory: null, savePath: join(root, 'none') };
  const pairs = [{ prompt: 'a', chosen: 'b', rejected: 'c' }];

  test.each([
    ['trainSft', () => trainSft({ ...common, model: small(), dataset: [{ text: 'a' }] })],
    ['trainDpo', () => trainDpo({ ...common, model: small(), dataset: pairs })],
    ['trainReward', () => trainReward({ ...common, model: small(), datasetsPath: pairs })],
  ])('%s', async (_name, train) => {
    await expect(train()).rejects.toThrow(/258.*100|100.*258/);
  });

  test('a reward model', () => {
    const classifier = classifierFromConfig({ ...shape, vocab_size: 100 }, { numLabels: 1 });
    expect(() => new RewardModel(classifier, byteTokenizer())).toThrow(/258.*100|100.*258/);
    expect(() => new RewardModel(classifierFromConfig(tinyGpt().config.raw), byteTokenizer())).toThrow('2 scores');
  });

  test('RLHFEnv-v0', async () => {
    const actor = new LMActorNetwork(small());
    const envOptions = { tokenizer: byteTokenizer(), dataset: ['a'], reward: (text: string) => text.length };
    const options = { envName: 'RLHFEnv-v0', envOptions, actor, runDirectory: null } as const;
    const critic = new LMCriticNetwork(actor.model, { seed: 1 });
    await expect(trainAgent({ ...options, critic })).rejects.toThrow('has 258 tokens, but the model knows 100');
  });
});
