// The classic control tasks under their ids, with Gymnasium's limits and thresholds.

import { register } from '../registry.ts';
import { AcrobotEnv, type AcrobotOptions } from './acrobot.ts';
import { CartPoleEnv, type CartPoleOptions } from './cartpole.ts';
import { CartPoleVectorEnv } from './cartpole-vector.ts';
import { MountainCarEnv, type MountainCarOptions } from './mountain-car.ts';
import { MountainCarContinuousEnv } from './mountain-car-continuous.ts';
import { PendulumEnv, type PendulumOptions } from './pendulum.ts';

declare module '../env-types.ts' {
  interface EnvTypes {
    'CartPole-v0': CartPoleEnv;
    'CartPole-v1': CartPoleEnv;
    'MountainCar-v0': MountainCarEnv;
    'MountainCarContinuous-v0': MountainCarContinuousEnv;
    'Pendulum-v1': PendulumEnv;
    'Acrobot-v1': AcrobotEnv;
  }
}

register<CartPoleOptions>({
  id: 'CartPole-v0',
  entryPoint: (kwargs) => new CartPoleEnv(kwargs),
  vectorEntryPoint: (kwargs) => new CartPoleVectorEnv(kwargs),
  maxEpisodeSteps: 200,
  rewardThreshold: 195,
});

register<CartPoleOptions>({
  id: 'CartPole-v1',
  entryPoint: (kwargs) => new CartPoleEnv(kwargs),
  vectorEntryPoint: (kwargs) => new CartPoleVectorEnv(kwargs),
  maxEpisodeSteps: 500,
  rewardThreshold: 475,
});

register<MountainCarOptions>({
  id: 'MountainCar-v0',
  entryPoint: (kwargs) => new MountainCarEnv(kwargs),
  maxEpisodeSteps: 200,
  rewardThreshold: -110,
});

register<MountainCarOptions>({
  id: 'MountainCarContinuous-v0',
  entryPoint: (kwargs) => new MountainCarContinuousEnv(kwargs),
  maxEpisodeSteps: 999,
  rewardThreshold: 90,
});

register<PendulumOptions>({
  id: 'Pendulum-v1',
  entryPoint: (kwargs) => new PendulumEnv(kwargs),
  maxEpisodeSteps: 200,
});

register<AcrobotOptions>({
  id: 'Acrobot-v1',
  entryPoint: (kwargs) => new AcrobotEnv(kwargs),
  maxEpisodeSteps: 500,
  rewardThreshold: -100,
});
