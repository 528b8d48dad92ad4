// What PPO learns on Acrobot-v1 with CleanRL's settings. Published: CleanRL's docs/benchmark/ppo.md (mean and deviation over 3 seeds).

import { learningBesideCleanRL } from './learner.ts';

export const benchmark = learningBesideCleanRL('Acrobot-v1', { mean: -86.36, deviation: 1.32 });
