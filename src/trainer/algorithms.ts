// The algorithms that trainAgent knows, by name.

import type { OptimizerState, StateOptions } from '../nn/index.ts';
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

/** An algorithm that learns from whole episodes and needs no critic, and its settings. */
export type CriticFreeAlgorithm =
  | ({ readonly name: 'grpo' } & GRPOConfig)
  | ({ readonly name: 'rloo' } & RLOOConfig)
  | ({ readonly name: 'reinforce' } & REINFORCEConfig);

/** An algorithm and its settings. */
export type TextAlgorithm = ({ readonly name: 'ppo' } & PPOConfig) | CriticFreeAlgorithm;

/** What improves a policy with whole episodes. */
export interface Learner<R extends EpisodeSteps> {
  update(
    rollout: R,
    options: {
      readonly progress: number;
      readonly referenceLogProbs?: Float32Array | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<object>;
  stateDict(options?: StateOptions): OptimizerState;
  loadStateDict(state: OptimizerState): void;
  /** The running mean of returns, where there is one. */
  baseline?: number | undefined;
}

/** @param generator the stream that minibatches are shuffled with. @throws TypeError for an algorithm that there is not */
export function learnerFor<R extends EpisodeSteps>(
  algorithm: TextAlgorithm,
  policy: Policy<R>,
  numEnvs: number,
  generator: Generator,
): Learner<R> {
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
export function comparesGroups({ name }: TextAlgorithm): boolean {
  return name === 'grpo' || name === 'rloo';
}

/** The weight of the divergence from a reference policy in the loss. */
export function klCoefOf(algorithm: TextAlgorithm): number {
  return algorithm.name === 'ppo' ? 0 : (algorithm.klCoef ?? 0);
}
