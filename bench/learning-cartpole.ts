// What PPO learns on CartPole-v1 with CleanRL's settings. Published: CleanRL's docs/benchmark/ppo.md (mean and deviation over 3 seeds).

import { learningBesideCleanRL } from './learner.ts';

export const benchmark = learningBesideCleanRL('CartPole-v1', { mean: 490.04, deviation: 6.12 });
