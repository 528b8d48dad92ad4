// The toy text tasks under their ids, with Gymnasium's arguments, limits and thresholds.

import { onlyKnown } from '../checks.ts';
import { register } from '../registry.ts';
import { BlackjackEnv, type BlackjackOptions } from './blackjack.ts';
import { CliffWalkingEnv, type CliffWalkingOptions } from './cliff-walking.ts';
import { FrozenLakeEnv, type FrozenLakeOptions } from './frozen-lake.ts';
import { TaxiEnv, type TaxiOptions } from './taxi.ts';

declare module '../env-types.ts' {
  interface EnvTypes {
    'Blackjack-v1': BlackjackEnv;
    'FrozenLake-v1': FrozenLakeEnv;
    'FrozenLake8x8-v1': FrozenLakeEnv;
    'CliffWalking-v1': CliffWalkingEnv;
    'CliffWalkingSlippery-v1': CliffWalkingEnv;
    'Taxi-v4': TaxiEnv;
  }
}

const FROZEN_LAKE = {
  desc: true,
  mapName: true,
  isSlippery: true,
  successRate: true,
  rewardSchedule: true,
  renderMode: true,
} as const;
const TAXI = {
  isRainy: true,
  rainyProbability: true,
  ficklePassenger: true,
  fickleProbability: true,
  renderMode: true,
} as const;

function frozenLake(kwargs: FrozenLakeOptions): FrozenLakeEnv {
  return new FrozenLakeEnv(onlyKnown('FrozenLake', kwargs, FROZEN_LAKE));
}

function cliffWalking(kwargs: CliffWalkingOptions): CliffWalkingEnv {
  return new CliffWalkingEnv(onlyKnown('CliffWalking', kwargs, { isSlippery: true, renderMode: true }));
}

register<BlackjackOptions>({
  id: 'Blackjack-v1',
  entryPoint: (kwargs) =>
    new BlackjackEnv(onlyKnown('Blackjack', kwargs, { natural: true, sab: true, renderMode: true })),
  kwargs: { sab: true, natural: false },
});

register<FrozenLakeOptions>({
  id: 'FrozenLake-v1',
  entryPoint: frozenLake,
  kwargs: { mapName: '4x4' },
  maxEpisodeSteps: 100,
  rewardThreshold: 0.7,
});

register<FrozenLakeOptions>({
  id: 'FrozenLake8x8-v1',
  entryPoint: frozenLake,
  kwargs: { mapName: '8x8' },
  maxEpisodeSteps: 200,
  rewardThreshold: 0.85,
});

register<CliffWalkingOptions>({
  id: 'CliffWalking-v1',
  entryPoint: cliffWalking,
});

register<CliffWalkingOptions>({
  id: 'CliffWalkingSlippery-v1',
  entryPoint: cliffWalking,
  kwargs: { isSlippery: true },
});

register<TaxiOptions>({
  id: 'Taxi-v4',
  entryPoint: (kwargs) => new TaxiEnv(onlyKnown('Taxi', kwargs, TAXI)),
  maxEpisodeSteps: 200,
  rewardThreshold: 8,
});
