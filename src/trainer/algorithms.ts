// The algorithms that trainAgent knows, by name.

import type { Generator } from '../random/index.ts';
import {
  type EpisodeSteps,
  GRPO,
  type GRPOConfig,
  type Policy,
  PPO,
  type PPOConfig,
  REINFORCE,
  type REINFORCEConfig,
  resolvePPOConfig,
  RLOO,
  type RLOOConfig,
} from '../rl/index.ts';
import { type CustomAlgorithm, customLearner, isCustom, type StatefulLearner } from './custom-algorithm.ts';

/** An algorithm that learns from whole episodes and needs no critic, and its settings. */
export type CriticFreeAlgorithm =
  | ({ readonly name: 'grpo' } & GRPOConfig)
  | ({ readonly name: 'rloo' } & RLOOConfig)
  | ({ readonly name: 'reinforce' } & REINFORCEConfig);

/** An algorithm and its settings. */
export type TextAlgorithm = ({ readonly name: 'ppo' } & PPOConfig) | CriticFreeAlgorithm;

/** An algorithm that learns from whole episodes: one that is here, or one's own. */
export type EpisodeAlgorithm<R extends EpisodeSteps, P extends Policy<R>> = TextAlgorithm | CustomAlgorithm<R, P>;

/** @param generator the stream that minibatches are shuffled with. @throws TypeError for an algorithm that there is not */
export function learnerFor<R extends EpisodeSteps, P extends Policy<R>>(
  algorithm: EpisodeAlgorithm<R, P>,
  policy: P,
  numEnvs: number,
  generator: Generator,
): StatefulLearner<R> {
  if (isCustom(algorithm)) {
    if (algorithm.rolloutSteps !== undefined) {
      throw new TypeError(
        `rolloutSteps is for an algorithm with a critic, which learns from steps; '${algorithm.custom}' learns from whole episodes: ` +
          'give updateInterval, how many',
      );
    }
    return customLearner(algorithm, policy, { generator, numEnvs });
  }
  const { name, ...config } = algorithm;
  switch (name) {
    case 'ppo':
      return new PPO<R>(policy, resolvePPOConfig(config as PPOConfig, numEnvs), { generator });
    case 'grpo':
      return new GRPO(policy, config as GRPOConfig, { generator });
    case 'rloo':
      return new RLOO(policy, config as RLOOConfig, { generator });
    case 'reinforce':
      return new REINFORCE(policy, config as REINFORCEConfig, { generator });
    default:
      throw new TypeError(`there is no algorithm '${String(name)}'; there are ppo, grpo, rloo and reinforce`);
  }
}

/** Whether an algorithm compares episodes that began alike. */
export function comparesGroups({ name }: { readonly name?: string | undefined }): boolean {
  return name === 'grpo' || name === 'rloo';
}

/** Whether an algorithm is told what a reference policy says of each row. */
export function needsReference(algorithm: EpisodeAlgorithm<never, never>): boolean {
  if (isCustom(algorithm)) return algorithm.needsReference ?? false;
  return algorithm.name !== 'ppo' && (algorithm.klCoef ?? 0) !== 0;
}
