// The toy text tasks under their ids, with Gymnasium's arguments, limits and thresholds.

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

register<BlackjackOptions>({
  id: 'Blackjack-v1',
  entryPoint: (kwargs) => new BlackjackEnv(kwargs),
  kwargs: { sab: true, natural: false },
});

register<FrozenLakeOptions>({
  id: 'FrozenLake-v1',
  entryPoint: (kwargs) => new FrozenLakeEnv(kwargs),
  kwargs: { mapName: '4x4' },
  maxEpisodeSteps: 100,
  rewardThreshold: 0.7,
});

register<FrozenLakeOptions>({
  id: 'FrozenLake8x8-v1',
  entryPoint: (kwargs) => new FrozenLakeEnv(kwargs),
  kwargs: { mapName: '8x8' },
  maxEpisodeSteps: 200,
  rewardThreshold: 0.85,
});

register<CliffWalkingOptions>({
  id: 'CliffWalking-v1',
  entryPoint: (kwargs) => new CliffWalkingEnv(kwargs),
});

register<CliffWalkingOptions>({
  id: 'CliffWalkingSlippery-v1',
  entryPoint: (kwargs) => new CliffWalkingEnv(kwargs),
  kwargs: { isSlippery: true },
});

register<TaxiOptions>({
  id: 'Taxi-v4',
  entryPoint: (kwargs) => new TaxiEnv(kwargs),
  maxEpisodeSteps: 200,
  rewardThreshold: 8,
});
