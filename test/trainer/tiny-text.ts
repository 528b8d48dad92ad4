// Small runs of language models for the tests of this folder.

import { additionProblems } from '../../src/env/text/index.ts';
import { fromConfig } from '../../src/lm/index.ts';
import { characterTokenizer } from '../../src/lm/tokenizer-training.ts';
import { LMActorNetwork, LMCriticNetwork } from '../../src/rl/index.ts';
import { trainAgent, type TrainTextOptions, type TrainTextResult } from '../../src/trainer/index.ts';

const tags = ['<think>', '</think>', '<final_answer>', '</final_answer>'];

export const tokenizer = characterTokenizer('0123456789+=\n', {
  specialTokens: { padToken: '<pad>', eosToken: '<eos>', additional: tags },
});

/** The share of digits: something that differs from the first episode on. */
export const digits = (completion: string): number => completion.replace(/\D/g, '').length / 12;

export const envOptions = {
  tokenizer,
  dataset: additionProblems({ digits: 1, count: 50, seed: 1 }),
  promptFormat: 'plain',
  template: '{question}',
  fewShot: [],
  maxGeneration: 12,
  reward: digits,
};

export const tinyConfig = {
  model_type: 'gpt2',
  vocab_size: tokenizer.vocabSize,
  n_positions: 32,
  n_embd: 32,
  n_layer: 2,
  n_head: 2,
};

export function tinyActor(seed = 0): LMActorNetwork {
  return new LMActorNetwork(fromConfig(tinyConfig, { seed }));
}

/** Four updates of 8 episodes, unless told otherwise. A critic is made where PPO needs one. */
export function tinyText(
  savePath: string,
  { actor = tinyActor(), ...options }: Partial<TrainTextOptions> = {},
): Promise<TrainTextResult> {
  const { algorithm = { name: 'grpo', learningRate: 1e-3 } } = options;
  const critic = algorithm.name === 'ppo' ? new LMCriticNetwork(actor.model, { seed: 1 }) : undefined;
  return trainAgent({
    ...(options.env === undefined ? { envName: 'CoTEnv-v0', envOptions } : {}),
    actor,
    critic,
    algorithm,
    numEnvs: 4,
    updateInterval: 8,
    maxEpisodes: 32,
    seed: 5,
    runDirectory: null,
    savePath,
    ...options,
  });
}
