// What a run with a language model takes, estimated before it begins: see memory-budget.ts.

import type { Env } from '../env/index.ts';
import { RLHFEnv, TextEnv } from '../env/text/index.ts';
import { Reference } from '../env/text/rlhf/reference.ts';
import type { ModelConfig } from '../lm/index.ts';
import { sequencesOfPass } from '../lm/sequence-log-probs.ts';
import type { TokenPolicy, TokenRollout } from '../rl/index.ts';
import { VALUE_SEQUENCES } from '../rl/token-policy.ts';
import { roomFor } from '../rl/token-slots.ts';
import { type EpisodeAlgorithm, needsReference } from './algorithms.ts';
import { isCustom } from './custom-algorithm.ts';
import { rolloutSize } from './episode-run.ts';
import {
  activationBytes,
  cacheBytes,
  checkBudget,
  type MemoryBudget,
  memoryBudget,
  neededBytes,
  readingPass,
  SCORES,
  storedBytes,
  trainedBytes,
} from './memory-budget.ts';
import { snapshotBytes } from './snapshot.ts';
import type { TrainTextOptions } from './text-run.ts';

/** @throws MemoryBudgetError before any of it is taken */
export function textBudget(
  options: TrainTextOptions,
  {
    envs,
    policy,
    algorithm,
  }: {
    readonly envs: readonly Env[];
    readonly policy: TokenPolicy;
    readonly algorithm: EpisodeAlgorithm<TokenRollout, TokenPolicy>;
  },
): MemoryBudget {
  const { model } = policy;
  const { config } = model;
  const { unwrapped } = envs[0]!;
  const longest = unwrapped instanceof TextEnv ? unwrapped.longestText : Number.POSITIVE_INFINITY;
  const time = Math.min(config.maxPositions, longest);
  const { episodesPerUpdate } = rolloutSize(options, algorithm, envs.length);
  // Of an algorithm of one's own nobody knows.
  const { minibatchSize = algorithm.name === 'ppo' ? 64 : -1 } = isCustom(algorithm) ? {} : algorithm;
  const rows = minibatchSize === -1 ? episodesPerUpdate : Math.min(minibatchSize, episodesPerUpdate);
  const { rewarder } = unwrapped instanceof RLHFEnv ? unwrapped : { rewarder: undefined };
  const { reference: choice = 'initial' } = options;
  const references = [
    ...(rewarder === undefined ? [] : [rewarder.reference]),
    ...(needsReference(algorithm) ? [new Reference(choice, policy)] : []),
  ].filter(({ exists }) => exists);
  const rewards = (rewarder?.rewardModels ?? []).map((reward) => reward.model);

  const critic = policy.separateCritic ? policy.critic!.model.config : undefined;
  const learns = { rows, time, scores: SCORES.policy };
  const most = sequencesOfPass(time, config.vocabSize);
  const asks = readingPass(episodesPerUpdate, time, { most, scores: SCORES.reference });
  const read = (some: ModelConfig, mostRows?: number): number =>
    activationBytes(some, readingPass(episodesPerUpdate, time, { most: mostRows }));
  const passes = [
    // Actor and critic learn side by side, and so do reference and reward model read.
    activationBytes(config, learns) + (critic === undefined ? 0 : activationBytes(critic, { ...learns, scores: 0 })),
    policy.critic === undefined ? 0 : read(policy.critic.model.config, VALUE_SEQUENCES),
    (references.length === 0 ? 0 : activationBytes(config, asks)) +
      rewards.reduce((sum, reward) => sum + read(reward.config), 0),
  ];

  const copied = references.filter((reference) => reference.copies(model)).length;
  const folders = [...references.flatMap(({ folder }) => folder ?? []), ...(rewarder?.rewardFolders ?? [])];
  const toLoad = copied * memoryBudget({ parameters: model.parameters() }).weights + storedBytes(folders);
  const parameters = policy.parameters();
  const parts = {
    parameters,
    activations: Math.max(...passes),
    cache: cacheBytes(config, envs.length, roomFor(time, config.maxPositions)),
    others: [...references.flatMap((reference) => reference.model ?? []), ...rewards].flatMap((one) =>
      one.parameters(),
    ),
    toLoad,
  };
  const alone = memoryBudget(parts);
  const free = (): number => alone.available - neededBytes(alone, toLoad);
  const budget = memoryBudget({ ...parts, copies: snapshotBytes(trainedBytes(parameters), free) }, alone.available);
  if (options.memoryCheck ?? true) checkBudget(budget, 'text', toLoad);
  return budget;
}
