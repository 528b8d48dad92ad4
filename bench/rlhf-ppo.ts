// One iteration of PPO in RLHFEnv-v0 with a small GPT-2: texts of 8 + 48 tokens, judged by a reward model, held close to a reference, and
// four passes of learning. With four models, as TRL's experimental PPO trainer has them (bench/peers/rlhf_ppo.py, the same folders), and
// with a trunk that policy and critic share.

import { join } from 'node:path';
import { characterTokenizer, classifierFromConfig, RewardModel, Tokenizer } from '../src/lm/index.ts';
import { LMActorNetwork, LMCriticNetwork } from '../src/rl/index.ts';
import { trainAgent } from '../src/trainer/index.ts';
import { type Benchmark, peakMemory } from './benchmark.ts';
import { loadModel, median, modelFolder, randomPrompts, SIZES } from './language-model.ts';

const [PROMPT, TOKENS] = [8, 48];
const [WARMUP, ITERATIONS] = [2, 10];

/** The folder of a reward model; its tokenizer is the policy's, and has no token that ends a text. */
async function rewardFolder(): Promise<string> {
  const folder = `${await modelFolder('small')}-reward`;
  const characters = Array.from({ length: 254 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
  const tokenizer = characterTokenizer(characters, { specialTokens: { padToken: '<pad>' } });
  const config = { ...SIZES.small, num_labels: 1, pad_token_id: tokenizer.padTokenId };
  await new RewardModel(classifierFromConfig(config, { seed: 5 }), tokenizer).savePretrained(folder);
  return folder;
}

/** Seconds of one iteration of so many texts. */
async function iteration(episodes: number, shared: boolean): Promise<number> {
  const reward = await rewardFolder();
  const tokenizer = await Tokenizer.fromPretrained(reward);
  const model = await loadModel('small');
  const ends: number[] = [];
  await trainAgent({
    envName: 'RLHFEnv-v0',
    envOptions: {
      tokenizer,
      dataset: randomPrompts(model, 1000, PROMPT).map((query) => ({ query })),
      reward,
      maxGeneration: TOKENS,
      klCoef: 0.05,
    },
    actor: new LMActorNetwork(model, { padTokenId: tokenizer.padTokenId }),
    critic: new LMCriticNetwork(shared ? model : await loadModel('small'), { seed: 1 }),
    ppoConfig: {
      lrActor: 1e-5,
      gamma: 1,
      updateEpochs: 4,
      minibatchSize: -1,
      valueClip: 0.2,
      valueCoef: 0.1,
      entropyCoef: 0,
      rolloutSteps: 1,
    },
    numEnvs: episodes,
    updateInterval: episodes,
    maxEpisodes: episodes * (WARMUP + ITERATIONS),
    runDirectory: null,
    savePath: join(await modelFolder('small'), 'trained'),
    seed: 1,
    callbacks: {
      onUpdateEnd: () => {
        ends.push(performance.now());
      },
    },
  });
  return median(ends.slice(WARMUP).map((end, i) => (end - ends[WARMUP + i - 1]!) / 1000));
}

export const benchmark: Benchmark = {
  metrics: [
    {
      key: 'seconds8',
      what: 'one PPO-RLHF iteration, small, 8 texts of 8 + 48 tokens, four models',
      unit: 's',
      better: 'lower',
      target: { kind: 'ratio', limit: 5 },
    },
    { key: 'shared8', what: 'the same, policy and critic sharing a trunk', unit: 's', better: 'lower' },
    { key: 'seconds64', what: '64 texts, four models', unit: 's', better: 'lower' },
    { key: 'shared64', what: 'the same, policy and critic sharing a trunk', unit: 's', better: 'lower' },
    { key: 'peakMemory', what: 'PPO-RLHF, peak memory', unit: 'MB', better: 'lower' },
  ],
  peers: [{ name: 'TRL', script: 'rlhf_ppo.py' }],
  async measure() {
    return {
      seconds8: await iteration(8, false),
      shared8: await iteration(8, true),
      seconds64: await iteration(64, false),
      shared64: await iteration(64, true),
      peakMemory: peakMemory(),
    };
  },
};
